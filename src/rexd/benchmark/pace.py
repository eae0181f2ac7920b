"""The speed of runs, and estimates of the time that they still need."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from rexd.benchmark.runs import RunSpec
from rexd.benchmark.schedule import Phase, RunProgress

RECENT = 5  # evaluations over which the speed is measured
CLONING_SECONDS = 30.0  # the estimate as long as there is no result of a cloning


def steps_done(item: RunProgress) -> int:
    """Return the environment steps of a run up to its last evaluation."""
    return int(item.metrics[-1]["steps"]) if item.metrics else 0


def speed(metrics: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the environment steps per second over the latest evaluations; None before the first evaluation.

    The time of the evaluations themselves is included. As long as there is only one evaluation, so is the time before
    the first step, in which the reward is fitted and code is compiled.
    """
    recent = metrics[-RECENT - 1 :]
    if not recent:
        return None
    start = recent[0] if len(recent) > 1 else {"steps": 0, "seconds": 0.0}
    seconds = recent[-1]["seconds"] - start["seconds"]
    return (recent[-1]["steps"] - start["steps"]) / seconds if seconds > 0 else None


class Pace:
    """Estimates of the duration of runs from the results of earlier ones."""

    def __init__(self, results: Iterable[Mapping[str, Any]]) -> None:
        """Collect the speeds of the given results, which may be of any seed and regime."""
        self.steps: list[tuple[str, str, float]] = []  # task, method, seconds per step
        self.cloning: list[float] = []  # seconds per run
        for result in results:
            if result["steps"]:
                self.steps.append((result["task"], result["method"], result["seconds"] / result["steps"]))
            else:
                self.cloning.append(result["seconds"])

    def run_seconds(self, item: RunProgress) -> float | None:
        """Return the estimated seconds until a run is done; None if nothing is known."""
        if item.phase in (Phase.DONE, Phase.CRASHED):
            return 0.0
        since = time.monotonic() - item.evaluated if item.phase is Phase.RUNNING else 0.0
        if item.run.steps == 0:
            return max(0.0, (mean(self.cloning) if self.cloning else CLONING_SECONDS) - since)
        rate = speed(item.metrics)
        each = 1 / rate if rate else self._step_seconds(item.run)
        return None if each is None else max(0.0, (item.run.steps - steps_done(item)) * each - since)

    def _step_seconds(self, run: RunSpec) -> float | None:
        """Return the mean over runs of the same task and method, else of either of the two, else over all runs."""
        alike = [((task == run.task.name) + (method == run.method.name), s) for task, method, s in self.steps]
        nearest = max((shared for shared, _ in alike), default=None)
        return None if nearest is None else mean(seconds for shared, seconds in alike if shared == nearest)

    def all_seconds(self, items: Sequence[RunProgress], jobs: int) -> float | None:
        """Return the estimated seconds until all runs are done, ``jobs`` at a time; None if nothing is known."""
        left = [self.run_seconds(item) for item in items]
        known = [seconds for seconds in left if seconds is not None]
        if not known and left:
            return None
        average = mean(known) if known else 0.0
        each = [average if seconds is None else seconds for seconds in left]
        return max(sum(each) / jobs, max(each, default=0.0))
