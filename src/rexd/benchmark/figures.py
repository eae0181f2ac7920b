"""The results of a suite as one figure: learning curves for each task, and the performance profile of the methods.

matplotlib, which the extra ``report`` installs, is imported when a figure is drawn.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rexd.benchmark.scores import ARRIVED, Results, threshold
from rexd.benchmark.suite import Method, Task
from rexd.errors import import_extra
from rexd.evaluation.comparison import performance_profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Looks: TypeAlias = Mapping[str, Mapping[str, Any]]

COLUMNS = 2
WIDTH, PANEL = 7.3, 2.5  # inches: 700 pixels on a page, where 9 points are 12 pixels; height of a panel
LEGEND_COLUMNS = 4
LONGER = 2  # times the steps of the task; a longer curve would squeeze the others
THRESHOLDS = np.linspace(0.0, 1.1, 111)
BEYOND = 0.04  # of the range of returns, left free above and below what is drawn
COLOURS = (  # the first is the default's
    "#0b57d0", "#e8710a", "#188038", "#8430ce", "#d01884", "#a0522d", "#00acc1", "#c5221f", "#9e9d24", "#f2a600",
    "#455a64", "#80cbc4",
)  # fmt: skip
DASHES = (  # lengths of lines and gaps; the default alone is drawn through
    (6, 1.5), (1.5, 1), (6, 1.5, 1.5, 1.5), (3, 1), (8, 1, 1.5, 1, 1.5, 1),
)  # fmt: skip
_STYLE = {
    "svg.hashsalt": "rexd",
    "svg.fonttype": "none",  # text stays text; DejaVu Sans, by which it is laid out, is wider than what may replace it
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": 9.0,
    "path.simplify": True,
}


def draw(results: Results) -> str:
    """Draw the first regime of the suite as SVG; with one version of matplotlib the same results give the same text."""
    matplotlib = import_extra("matplotlib", "report")
    from matplotlib.figure import Figure

    regime = results.suite.regimes[0]
    tasks = results.tasks(regime)
    rows = -(-(len(tasks) + 1) // COLUMNS)
    looks = _looks(results)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, rows * PANEL + 0.9), dpi=72, layout="constrained")
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for task, panel in zip(tasks, axes, strict=False):
            _curves(panel, results, task, looks)
        _profile(axes[len(tasks)], results, looks)
        for panel in axes[len(tasks) + 1 :]:
            panel.set_axis_off()
        handles: dict[str, Any] = {}
        for panel in axes:
            lines, labels = panel.get_legend_handles_labels()
            handles |= {label: line for label, line in zip(labels, lines, strict=True) if label not in handles}
        # The methods in the suite's order, then the lines that are no method's.
        names = list(dict.fromkeys(name for name in (*looks, *handles) if name in handles))
        for columns in range(LEGEND_COLUMNS, 0, -1):
            legend = figure.legend(
                [handles[name] for name in names],
                names,
                loc="outside lower center",
                ncols=columns,
                frameon=False,
                handlelength=3.2,
                columnspacing=1.2,
            )
            if columns == 1 or legend.get_window_extent().width < figure.bbox.width:
                break
            legend.remove()  # long names need fewer columns
        stream = io.StringIO()
        metadata = {
            "Title": alternative(results),
            "Date": None,
            "Creator": "rexd benchmark",
            "Description": digest(results),
        }
        figure.savefig(stream, format="svg", metadata=metadata)
    return re.sub(r"[ \t]+$", "", stream.getvalue(), flags=re.MULTILINE)


def digest(results: Results) -> str:
    """Return a hash of what the figure shows; it is written into the SVG and shows whether the file is up to date."""
    regime = results.suite.regimes[0]
    shown = [
        [
            task.name,
            method.name,
            r["seed"],
            r["return_mean"],
            [(p["steps"], p["true_return"]) for p in r.get("curve", [])],
        ]
        for task in results.tasks(regime)
        for method in results.methods(regime)
        for r in results.of(regime, task, method)
    ]
    scale = [[t.name, t.random_return, t.demonstrations_return] for t in results.tasks(regime)]
    return "results " + hashlib.sha256(json.dumps([scale, shown]).encode()).hexdigest()[:16]


def alternative(results: Results) -> str:
    """Return in words what the figure shows, for those who do not see it."""
    regime = results.suite.regimes[0]
    panels = ", ".join(task.name for task in results.tasks(regime))
    methods = ", ".join(method.name for method in results.methods(regime))
    return (
        f"Suite {results.suite.name}, regime {regime.name}: return against environment steps on {panels}, and the "
        f"performance profile, the share of runs above each score. A line for each of {methods}; the thickest is "
        f"{results.suite.methods[0].name}."
    )


def _looks(results: Results) -> dict[str, dict[str, Any]]:
    """Return how the lines of each method look, by its name: no two have both the same colour and the same dashes.

    The default is drawn thickest and above all others.
    """
    looks: dict[str, dict[str, Any]] = {}
    for number, method in enumerate(results.suite.methods):
        again, colour = divmod(number, len(COLOURS))
        looks[method.name] = {
            "color": COLOURS[colour],
            "ls": (0, DASHES[(colour + again - 1) % len(DASHES)]) if number else "-",
            "lw": 1.3 if number else 2.8,
            "zorder": 3 if number else 5,
        }
    return looks


def _default_last(methods: Sequence[Method]) -> list[Method]:
    return [*methods[1:], *methods[:1]]


def _curves(panel: Axes, results: Results, task: Task, looks: Looks) -> None:
    """Draw the mean curve of each method, and the single seeds of the default as thin ones.

    Methods without steps, and those with far more steps than the task has, are drawn as a horizontal line. The axes end
    where the steps of the task do, and where the lines do.
    """
    regime = results.suite.regimes[0]
    steps, level, default = regime.steps_of(task), threshold(task), results.suite.methods[0]
    seen = [task.demonstrations_return, level]
    for method in _default_last(results.methods(regime)):
        cell, look = results.of(regime, task, method), looks[method.name]
        curves = [r["curve"] for r in cell if r.get("curve") and r["steps"] <= LONGER * steps]
        if curves:
            if method is default:
                for curve in curves:
                    thin = {**look, "lw": 0.6, "alpha": 0.5}
                    panel.plot([p["steps"] for p in curve], [p["true_return"] for p in curve], **thin)
            common = min(len(curve) for curve in curves)
            mean = np.mean([[p["true_return"] for p in curve[:common]] for curve in curves], axis=0)
            panel.plot([p["steps"] for p in curves[0][:common]], mean, **look, label=method.name)
            seen += mean.tolist()
        elif cell:
            seen.append(float(np.mean([result["return_mean"] for result in cell])))
            panel.axhline(seen[-1], **look, label=method.name)
    panel.axhline(task.demonstrations_return, color="black", lw=1.0, label="demonstrations")
    panel.axhline(level, color="black", lw=0.8, ls=":", label=f"{ARRIVED:.0%} of the way there")
    free = BEYOND * (task.demonstrations_return - task.random_return)
    panel.set_ylim(max(min(seen), task.random_return) - free, max(seen) + free)
    panel.set_xlim(0, steps)
    panel.set_title(task.name)
    panel.set_xlabel("environment steps (thousands)")
    panel.set_ylabel("return of an episode")
    panel.xaxis.set_major_formatter(lambda count, _: f"{count / 1000:g}")


def _profile(panel: Axes, results: Results, looks: Looks) -> None:
    """Draw the profiles of the methods with results on all tasks, as only these were run on the same tasks.

    The interval is drawn for the default alone, since those of eleven methods would hide each other.
    """
    regime = results.suite.regimes[0]
    tasks = results.tasks(regime)
    for method in _default_last(results.methods(regime)):
        scores = results.scores(regime, method)
        if len(scores) < len(tasks):
            continue
        profile, look = performance_profile(list(scores.values()), THRESHOLDS), looks[method.name]
        panel.plot(profile.thresholds, profile.share, **look, label=method.name)
        if method is results.suite.methods[0]:
            panel.fill_between(profile.thresholds, profile.low, profile.high, color=look["color"], alpha=0.15, lw=0)
    panel.set_title("performance profile")
    panel.set_xlabel("score τ (0: random play, 1: demonstrations)")
    panel.set_ylabel("share of runs above τ")
    panel.set_xlim(THRESHOLDS[0], THRESHOLDS[-1])
    panel.set_ylim(-0.02, 1.04)
