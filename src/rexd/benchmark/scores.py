"""The results of a suite by regime, task and method, and the statistics over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from rexd.benchmark.runs import Folders, expand, result_differences, results_of
from rexd.benchmark.suite import Method, Regime, Suite, Task
from rexd.evaluation.comparison import Improvement, normalise, probability_of_improvement
from rexd.evaluation.curves import Arrival, kept, reached
from rexd.evaluation.statistics import bootstrap_interval, iqm

Result = Mapping[str, Any]
ARRIVED = 0.95  # share of the way from random play to the demonstrations


@dataclass(frozen=True)
class Total:
    """The normalised scores of a method in a regime, summarised over all its tasks and seeds.

    Attributes:
        tasks: Number of tasks with results.
        runs: Number of results.
        iqm: Interquartile mean of the scores.
        low: Lower end of the bootstrap interval of ``iqm``, stratified by task.
        high: Upper end of that interval.
        worst: The lowest score.
        worst_run: Task and seed of the lowest score.
    """

    tasks: int
    runs: int
    iqm: float
    low: float
    high: float
    worst: float
    worst_run: str


@dataclass(frozen=True)
class Results:
    """All results that belong to a suite, of any seed.

    A cell is the set of results of one regime, task and method.

    Attributes:
        suite: The suite.
        results: Its results, in no particular order.
    """

    suite: Suite
    results: tuple[Result, ...]

    @classmethod
    def read(cls, suite: Suite, folders: Folders) -> Results:
        """Read the results whose task, regime and method are in the suite."""
        known = [{item.name for item in part} for part in (suite.tasks, suite.regimes, suite.methods)]
        return cls(
            suite,
            tuple(
                result
                for result in results_of(suite, folders)
                if all(result[key] in names for key, names in zip(("task", "regime", "method"), known, strict=True))
            ),
        )

    @cached_property
    def _cells(self) -> dict[tuple[str, str, str], list[Result]]:
        cells: dict[tuple[str, str, str], list[Result]] = {}
        for result in sorted(self.results, key=lambda result: int(result["seed"])):
            cells.setdefault((result["regime"], result["task"], result["method"]), []).append(result)
        return cells

    @cached_property
    def _planned(self) -> dict[tuple[str, str, str], list[int]]:
        planned: dict[tuple[str, str, str], list[int]] = {}
        for run in expand(self.suite):
            planned.setdefault((run.regime.name, run.task.name, run.method.name), []).append(run.seed)
        return planned

    def of(self, regime: Regime, task: Task, method: Method) -> list[Result]:
        """Return the results of a cell, ordered by seed."""
        return self._cells.get((regime.name, task.name, method.name), [])

    def missing(self, regime: Regime, task: Task, method: Method) -> list[int]:
        """Return the seeds of the suite that a cell has no result of."""
        there = {result["seed"] for result in self.of(regime, task, method)}
        planned = self._planned.get((regime.name, task.name, method.name), [])
        return [seed for seed in planned if seed not in there]

    def stale(self) -> list[str]:
        """Return the ids of the runs whose results were made with other settings than the suite has now."""
        runs = {run.id: run for run in expand(self.suite)}
        ids = {f"{r['regime']}/{r['task']}-{r['method']}-seed{r['seed']}": r for r in self.results}
        return sorted(name for name, r in ids.items() if name in runs and result_differences(runs[name], r))

    def methods(self, regime: Regime) -> list[Method]:
        """Return the methods that the suite runs in a regime, or that have results in it."""
        return [
            method
            for method in self.suite.methods
            if any(self.of(regime, task, method) or self.missing(regime, task, method) for task in self.suite.tasks)
        ]

    def tasks(self, regime: Regime) -> list[Task]:
        """Return the tasks that are part of a regime."""
        return [task for task in self.suite.tasks if not task.regimes or regime.name in task.regimes]

    def scores(self, regime: Regime, method: Method) -> dict[str, list[float]]:
        """Return the scores of a method by task, for the tasks with results."""
        return {
            task.name: [score(task, result) for result in results]
            for task in self.tasks(regime)
            if (results := self.of(regime, task, method))
        }

    def total(self, regime: Regime, method: Method) -> Total | None:
        """Return the summary of a method's scores; None if it has no results."""
        scores = self.scores(regime, method)
        if not scores:
            return None
        strata, every = list(scores.values()), [value for values in scores.values() for value in values]
        low, high = bootstrap_interval(strata, iqm)
        worst = min(every)
        place = next(
            f"{task.name}, seed {result['seed']}"
            for task in self.tasks(regime)
            for result in self.of(regime, task, method)
            if score(task, result) == worst
        )
        return Total(len(scores), len(every), iqm(every), low, high, worst, place)

    def shared(
        self, regime: Regime, task: Task, method: Method, other: Method
    ) -> tuple[list[Result], list[Result]] | None:
        """Return the results of two methods on a task, for the seeds that both have; None if they share no seed.

        Only these can be compared: the seed decides which transitions are demonstrated.
        """
        ours, theirs = self.of(regime, task, method), self.of(regime, task, other)
        seeds = {result["seed"] for result in ours} & {result["seed"] for result in theirs}
        if not seeds:
            return None
        return [r for r in ours if r["seed"] in seeds], [r for r in theirs if r["seed"] in seeds]

    def improvement(self, regime: Regime, method: Method, other: Method) -> tuple[Improvement, int] | None:
        """Return P(method > other) and the number of tasks on which they share seeds; None if there is no such task."""
        ours: list[list[float]] = []
        theirs: list[list[float]] = []
        for task in self.tasks(regime):
            cells = self.shared(regime, task, method, other)
            if cells is not None:
                ours.append([score(task, result) for result in cells[0]])
                theirs.append([score(task, result) for result in cells[1]])
        return (probability_of_improvement(ours, theirs), len(ours)) if ours else None


def summary(results: Results) -> list[dict[str, Any]]:
    """Return the scores of each regime and method as plain JSON types."""
    default = results.suite.methods[0]
    found = []
    for regime in results.suite.regimes:
        for method in results.methods(regime):
            total = results.total(regime, method)
            better = None if method is default else results.improvement(regime, default, method)
            found.append(
                {
                    "regime": regime.name,
                    "method": method.name,
                    "scores": results.scores(regime, method),
                    "total": None if total is None else asdict(total),
                    "probability_default_better": None if better is None else asdict(better[0]),
                }
            )
    return found


def score(task: Task, result: Result) -> float:
    """Return the normalised return: 0 for random play, 1 for the demonstrations."""
    return float(normalise(result["return_mean"], random=task.random_return, demonstrations=task.demonstrations_return))


def threshold(task: Task) -> float:
    """Return the return at the share ``ARRIVED`` of the way from random play to the demonstrations."""
    return task.random_return + ARRIVED * (task.demonstrations_return - task.random_return)


def arrivals(task: Task, results: Sequence[Result]) -> tuple[list[Arrival | None], list[Arrival | None]]:
    """Return when the learning curve of each run first reaches the threshold, and from when on it stays above it."""
    curves = [result.get("curve", []) for result in results]
    level = threshold(task)
    return [reached(curve, level) for curve in curves], [kept(curve, level) for curve in curves]
