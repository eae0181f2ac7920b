"""How fast runs are, and how long the rest of them will take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from rexd.benchmark.runs import RunSpec
from rexd.benchmark.schedule import Phase, Progress

RECENT = 5  # evaluations over which a speed is taken
CLONING_SECONDS = 30.0  # where no result tells


def steps_done(item: Progress) -> int:
    """Environment steps of a run so far, as its last evaluation tells."""
    return int(item.metrics[-1]["steps"]) if item.metrics else 0


def speed(metrics: Sequence[Mapping[str, Any]]) -> float | None:
    """Steps a second over the latest evaluations, the evaluations themselves included; None before the first.

    The first one alone also counts what came before any step: fitting the reward and compiling.
    """
    recent = metrics[-RECENT - 1 :]
    if not recent:
        return None
    start = recent[0] if len(recent) > 1 else {"steps": 0, "seconds": 0.0}
    seconds = recent[-1]["seconds"] - start["seconds"]
    return (recent[-1]["steps"] - start["steps"]) / seconds if seconds > 0 else None


class Pace:
    """What earlier results tell of the runs to come."""

    def __init__(self, results: Iterable[Mapping[str, Any]]) -> None:
        """Take the results that there are, of any seed and regime."""
        self.steps: list[tuple[str, str, float]] = []  # task, method, seconds of a step
        self.cloning: list[float] = []  # seconds of the whole
        for result in results:
            if result["steps"]:
                self.steps.append((result["task"], result["method"], result["seconds"] / result["steps"]))
            else:
                self.cloning.append(result["seconds"])

    def run_seconds(self, item: Progress) -> float | None:
        """Seconds until a run is done; None where nothing tells."""
        if item.phase in (Phase.DONE, Phase.CRASHED):
            return 0.0
        since = time.monotonic() - item.evaluated if item.phase is Phase.RUNNING else 0.0
        if item.run.steps == 0:
            return max(0.0, (mean(self.cloning) if self.cloning else CLONING_SECONDS) - since)
        rate = speed(item.metrics)
        each = 1 / rate if rate else self._step_seconds(item.run)
        return None if each is None else max(0.0, (item.run.steps - steps_done(item)) * each - since)

    def _step_seconds(self, run: RunSpec) -> float | None:
        """Of the same task and method if known, else of any of the two, else of all."""
        alike = [((task == run.task.name) + (method == run.method.name), s) for task, method, s in self.steps]
        nearest = max((shared for shared, _ in alike), default=None)
        return None if nearest is None else mean(seconds for shared, seconds in alike if shared == nearest)

    def all_seconds(self, items: Sequence[Progress], jobs: int) -> float | None:
        """Seconds until all are done, ``jobs`` of them at a time; None where nothing tells."""
        left = [self.run_seconds(item) for item in items]
        known = [seconds for seconds in left if seconds is not None]
        if not known and left:
            return None
        average = mean(known) if known else 0.0
        each = [average if seconds is None else seconds for seconds in left]
        return max(sum(each) / jobs, max(each, default=0.0))
