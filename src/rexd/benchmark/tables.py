"""The results of a suite as tables, for a document, a terminal or an HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rexd.benchmark.scores import ARRIVED, Result, Results, Total, arrivals, threshold
from rexd.benchmark.suite import Method, Regime, Task
from rexd.evaluation.curves import Arrival

NOT_RUN = "not run"


@dataclass(frozen=True)
class Table:
    """A table and the sentence that explains it.

    Attributes:
        title: Title of the section.
        headings: Headings of the columns.
        rows: The cells of each row.
        about: A sentence that explains the table.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    about: str = ""

    def markdown(self, level: int = 3) -> str:
        """Return the table as Markdown, below its title and sentence; ``level=0`` gives the table alone."""
        lines = [_row(self.headings), _row(["---"] * len(self.headings)), *map(_row, self.rows)]
        body = "\n".join(lines)
        return body if not level else "\n\n".join(filter(None, [f"{'#' * level} {self.title}", self.about, body]))


def headline(results: Results) -> Table:
    """Return the table of the first regime, with a row for each method and a column for each task."""
    regime, tasks = results.suite.regimes[0], results.tasks(results.suite.regimes[0])
    default = results.suite.methods[0]
    rows = [("demonstrations", *(_return(task, task.demonstrations_return) for task in tasks), "1", "")]
    if any(task.target is not None for task in tasks):
        rows.append(("target", *("" if t.target is None else f"≥ {_return(t, t.target)}" for t in tasks), "", ""))
    for method in results.methods(regime):
        total = results.total(regime, method)
        cells = [_seeds(task, results.of(regime, task, method)) for task in tasks]
        if total is None:
            rows.append((method.name, *cells, NOT_RUN, ""))
            continue
        part = "" if total.tasks == len(tasks) else f" ({total.tasks} of {len(tasks)} tasks)"
        rows.append((method.name, *cells, f"{_iqm(total)}{part}", f"{total.worst:.2f} ({total.worst_run})"))
    made = [results.of(regime, task, default) for task in tasks]
    rows.append((f"steps, {default.name}", *(_span(r["steps"] for r in cell) for cell in made), "", ""))
    rows.append((f"minutes, {default.name}", *(_minutes(cell) for cell in made), "", ""))
    headings = (regime.name, *(task.name for task in tasks), "IQM of scores [95%]", "worst seed")
    return Table("Headline", headings, tuple(tuple(row) for row in rows))


def brief(results: Results) -> Table:
    """Return a row for each task of the first regime: the demonstrations, the default and behavioural cloning."""
    regime = results.suite.regimes[0]
    default, cloning = results.suite.methods[0], _cloning(results)
    rows = []
    for task in results.tasks(regime):
        made = results.of(regime, task, default)
        cloned = [] if cloning is None else results.of(regime, task, cloning)
        rows.append(
            (
                task.env,
                _return(task, task.demonstrations_return),
                _mean_and_worst(task, made),
                _mean_and_worst(task, cloned),
                _span(r["steps"] for r in made),
            )
        )
    headings = ("task", "demonstrations", f"{default.name}: mean (worst seed)", "cloning: mean (worst seed)", "steps")
    return Table("In short", headings, tuple(rows))


def _cloning(results: Results) -> Method | None:
    return next((method for method in results.suite.methods if method.kind == "cloning"), None)


def _mean_and_worst(task: Task, cell: Sequence[Result]) -> str:
    if not cell:
        return NOT_RUN
    return f"{_return(task, _mean(cell))} ({_return(task, min(r['return_mean'] for r in cell))})"


def tables(results: Results) -> list[Table]:
    """Return the tables of every regime that has results."""
    found: list[Table] = []
    for regime in results.suite.regimes:
        if any(result["regime"] == regime.name for result in results.results):
            found += [_returns(results, regime), _comparison(results, regime), _arrivals(results, regime)]
    return found


def remarks(results: Results) -> list[str]:
    """Return sentences about results that are missing or were made with other settings."""
    found = []
    if left := regimes_not_run(results):
        found.append(f"Regimes not run: {', '.join(left)}.")
    if stale := results.stale():
        found.append(f"Made with other settings than the suite has now: {', '.join(stale)}.")
    return found


def regimes_not_run(results: Results) -> list[str]:
    """Return the names of the regimes without any result."""
    there = {result["regime"] for result in results.results}
    return [regime.name for regime in results.suite.regimes if regime.name not in there]


def below(results: Results, regime: Regime, method: Method, other: Method) -> list[str]:
    """Return the tasks on which a method has a lower mean return than another, on the seeds that both have."""
    found = []
    for task in results.tasks(regime):
        cells = results.shared(regime, task, method, other)
        if cells is not None and _mean(cells[0]) < _mean(cells[1]):
            found.append(task.name)
    return found


def _returns(results: Results, regime: Regime) -> Table:
    told = any("success" in result for result in results.results if result["regime"] == regime.name)
    rows = []
    for task in results.tasks(regime):
        for method in results.methods(regime):
            cell = results.of(regime, task, method)
            each = [f"{_with_spread(task, r['return_mean'], r['return_std'])} (s{r['seed']})" for r in cell]
            if cell and (missing := results.missing(regime, task, method)):
                each.append("not run: " + ", ".join(f"s{seed}" for seed in missing))
            success = (_success(cell),) if told else ()
            at_target = sum(r["return_mean"] >= task.target for r in cell) if task.target is not None else None
            rows.append(
                (
                    task.name,
                    method.name,
                    ", ".join(each) or NOT_RUN,
                    *success,
                    _return(task, task.demonstrations_return),
                    "" if task.target is None else f"≥ {_return(task, task.target)}",
                    "" if at_target is None or not cell else f"{at_target} of {len(cell)}",
                    _span(r["steps"] for r in cell),
                    _minutes(cell),
                )
            )
    headings = (
        "task", "method", "return of each seed (mean ± std over episodes)",
        *(("success of each seed",) if told else ()), "demonstrations", "target", "seeds at target", "steps", "minutes",
    )  # fmt: skip
    return Table(f"{_title(regime)}: returns", headings, tuple(rows))


def _comparison(results: Results, regime: Regime) -> Table:
    default, tasks = results.suite.methods[0], results.tasks(regime)
    rows = []
    for method in results.methods(regime):
        total = results.total(regime, method)
        if total is None:
            rows.append((method.name, method.about, f"0 of {len(tasks)}", "0", NOT_RUN, "", "", ""))
            continue
        better = None if method is default else results.improvement(regime, default, method)
        told = "" if better is None else f"{better[0].probability:.2f} [{better[0].low:.2f}, {better[0].high:.2f}]"
        if better is not None and better[1] < len(tasks):
            told += f" ({better[1]} of {len(tasks)} tasks)"
        rows.append(
            (
                method.name,
                method.about,
                f"{total.tasks} of {len(tasks)}",
                str(total.runs),
                _iqm(total),
                f"{total.worst:.2f} ({total.worst_run})",
                told,
                "" if method is default else ", ".join(below(results, regime, default, method)) or "none",
            )
        )
    headings = (
        "method", "what it is", "tasks", "runs", "IQM [95%]", "worst seed", f"P({default.name} better) [95%]",
        f"tasks where {default.name} is below it",
    )  # fmt: skip
    about = (
        "Scores: 0 is random play, 1 the demonstrations. Methods that were not run on all tasks cannot be compared by "
        "their interquartile means; those of one seed a task have no interval. The last two columns compare the seeds "
        "that both have."
    )
    return Table(f"{_title(regime)}: methods", headings, tuple(rows), about)


def _arrivals(results: Results, regime: Regime) -> Table:
    rows = []
    for task in results.tasks(regime):
        for method in results.methods(regime):
            cell = [result for result in results.of(regime, task, method) if result.get("curve")]
            if not cell:
                continue
            first, last = arrivals(task, cell)
            rows.append(
                (
                    task.name,
                    method.name,
                    _return(task, threshold(task)),
                    _times(first, "steps"),
                    _times(last, "steps"),
                    _times(first, "seconds"),
                    _times(last, "seconds"),
                )
            )
    headings = (
        "task", "method", f"{ARRIVED:.0%} is", "steps, reached", "steps, kept", "seconds, reached", "seconds, kept",
    )  # fmt: skip
    about = (
        f"Of each seed: when an evaluation during training first reached {ARRIVED:.0%} of the way from random play to "
        "the demonstrations, and from when on none fell below it (-: never). Evaluations are of 5 episodes; the "
        "seconds include them, fitting and compiling."
    )
    return Table(f"{_title(regime)}: time to {ARRIVED:.0%}", headings, tuple(rows), about)


def _title(regime: Regime) -> str:
    rows = "every transition" if regime.subsample == 1 else f"every {regime.subsample}th transition"
    return f"{regime.name} ({regime.trajectories} trajector{'y' if regime.trajectories == 1 else 'ies'}, {rows})"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _return(task: Task, value: float) -> str:
    return f"{value:.0f}" if abs(task.demonstrations_return) > 100 else f"{value:.2f}"


def _with_spread(task: Task, mean: float, std: float | None) -> str:
    """A mean over episodes and their standard deviation, which a single episode does not have."""
    return _return(task, mean) if std is None else f"{_return(task, mean)} ± {_return(task, std)}"


def _iqm(total: Total) -> str:
    if total.runs == total.tasks:  # with one seed for each task there is no interval
        return f"{total.iqm:.2f}"
    return f"{total.iqm:.2f} [{total.low:.2f}, {total.high:.2f}]"


def _mean(cell: Sequence[Result]) -> float:
    return sum(float(result["return_mean"]) for result in cell) / len(cell)


def _seeds(task: Task, cell: Sequence[Result]) -> str:
    return ", ".join(_return(task, result["return_mean"]) for result in cell) or NOT_RUN


def _success(cell: Sequence[Result]) -> str:
    return ", ".join(f"{result['success']:.0%} (s{result['seed']})" for result in cell if "success" in result)


def _span(values: Iterable[int]) -> str:
    different = sorted(set(values))
    return f"{different[0]:,} to {different[-1]:,}" if len(different) > 1 else f"{different[0]:,}" if different else ""


def _minutes(cell: Sequence[Result]) -> str:
    return f"{sum(r['seconds'] for r in cell) / len(cell) / 60:.1f}" if cell else ""


def _times(found: Sequence[Arrival | None], name: str) -> str:
    return ", ".join("-" if arrival is None else f"{getattr(arrival, name):,.0f}" for arrival in found)
