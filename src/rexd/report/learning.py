"""Learning curves of runs: true and learned return over the steps, beside the demonstrations and the clone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rexd.evaluation.in_words import number
from rexd.report.drawing import AGENT, CLONE, EXPERT, Picture, draw
from rexd.shown import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Point = tuple[float, float]
_LEVELS: dict[str, tuple[str, Any]] = {"demonstrations": (EXPERT, "-"), "clone": (CLONE, (0, (5, 2)))}


@dataclass(frozen=True)
class Curve:
    """One run's evaluations.

    Attributes:
        name: The run.
        metrics: Its records, in order.
        evaluation: Its final evaluation; None before the end.
    """

    name: str
    metrics: Sequence[Mapping[str, Any]]
    evaluation: Mapping[str, Any] | None


def learning_pictures(curves: Sequence[Curve], demonstrated: Sequence[float] | None) -> list[Picture]:
    """Draw the learned and the true return over the steps of the learner.

    Args:
        curves: The runs, of one task.
        demonstrated: True returns of the demonstrations; None where they are not known.
    """
    true = None if not demonstrated else float(np.mean(demonstrated))
    learned = _mean_of(curves, "demonstrations", "learned")
    found = []
    for kind, key, shown in (("learned", "learned_return", learned), ("true", "true_return", true)):
        clone = _mean_of(curves, "clone", kind)
        picture = _picture(kind, key, curves, {"demonstrations": shown, "clone": clone})
        found += [] if picture is None else [picture]
    return found


def _mean_of(curves: Sequence[Curve], who: str, kind: str) -> float | None:
    """Return the mean return of one kind that the evaluations have of the clone, or of the demonstrations."""
    known = [(curve.evaluation.get(who) or {}).get(kind) for curve in curves if curve.evaluation]
    means = [summary["mean"] for summary in known if summary]
    return float(np.mean(means)) if means else None


def _points(curve: Curve, key: str) -> list[Point]:
    return [
        (float(record["steps"]), float(record[key]))
        for record in curve.metrics
        if record.get(key) is not None and np.isfinite(record[key])
    ]


def _picture(kind: str, key: str, curves: Sequence[Curve], levels: Mapping[str, float | None]) -> Picture | None:
    lines = {curve.name: points for curve in curves if (points := _points(curve, key))}
    if not lines:
        return None
    band = _band(list(lines.values()))
    known = {name: level for name, level in levels.items() if level is not None}

    def paint(figure: Figure) -> None:
        panel: Any = figure.subplots()
        for points in lines.values():
            thin = {"lw": 0.8, "alpha": 0.6} if band is not None else {"lw": 1.8}
            marker = "." if len(points) < 40 and band is None else ""
            panel.plot(*zip(*points, strict=True), color=AGENT, marker=marker, **thin)
        if band is not None:
            steps, values = band
            panel.fill_between(steps, values.min(axis=0), values.max(axis=0), color=AGENT, alpha=0.2, lw=0)
            panel.plot(steps, values.mean(axis=0), color=AGENT, lw=2.2)
        panel.plot([], [], color=AGENT, lw=2.2, label="policy" if band is None else f"mean of {len(lines)} runs")
        for name, level in known.items():
            colour, dashes = _LEVELS[name]
            panel.axhline(level, color=colour, lw=1.4, ls=dashes, label=name)
        panel.grid(axis="y")
        panel.set_xlabel("environment steps of the learner")
        panel.set_ylabel(f"{kind} return of an episode")
        panel.xaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
        panel.locator_params(axis="x", nbins=5)
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)

    return draw(f"Learning curve: {kind} return", _words(kind, lines, known, band is not None), 3.1, paint)


def _band(lines: Sequence[Sequence[Point]]) -> tuple[Any, Any] | None:
    """Return common steps and the values (runs, steps) there; None for one run, or where runs share no two steps."""
    if len(lines) < 2:
        return None
    tables = [dict(points) for points in lines]
    common = sorted(set.intersection(*(set(table) for table in tables)))
    if len(common) < 2:
        return None
    return np.array(common), np.array([[table[step] for step in common] for table in tables])


def _words(kind: str, lines: Mapping[str, Sequence[Point]], known: Mapping[str, float], banded: bool) -> str:
    said = []
    for name, points in list(lines.items())[:10]:
        best = max(points, key=lambda point: point[1])
        said.append(
            f"{plain(name)}: {number(points[0][1])} at step {points[0][0]:,.0f}, {number(points[-1][1])} at step "
            f"{points[-1][0]:,.0f}, at most {number(best[1])} at step {best[0]:,.0f}"
        )
    levels = "".join(
        f" The {name} earn{'s' if name == 'clone' else ''} {number(level)}." for name, level in known.items()
    )
    seeds = " The band reaches from the least to the greatest of the runs, and the thick line is their mean." * banded
    return f"The mean {kind} return of the evaluations. {'; '.join(said)}.{levels}{seeds}"
