"""The results of a suite as one figure: learning curves for each task, and the performance profile of the methods.

matplotlib, which the extra ``report`` installs, is imported when a figure is drawn.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from rexd.benchmark.scores import Results, threshold
from rexd.benchmark.suite import Method, Task
from rexd.errors import import_extra
from rexd.evaluation.comparison import performance_profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
PANEL = 3.3  # width in inches
LONGER = 2  # times the steps of the task; a longer curve would squeeze the others
THRESHOLDS = np.linspace(0.0, 1.2, 121)
_STYLE = {
    "svg.hashsalt": "rexd",
    "svg.fonttype": "none",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "path.simplify": True,
}


def draw(results: Results) -> str:
    """Draw the first regime of the suite as SVG; with one version of matplotlib the same results give the same text."""
    matplotlib = import_extra("matplotlib", "report")
    from matplotlib.figure import Figure

    tasks = results.tasks(results.suite.regimes[0])
    rows = -(-(len(tasks) + 1) // COLUMNS)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(COLUMNS * PANEL, rows * PANEL * 0.8), layout="constrained")
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for task, panel in zip(tasks, axes, strict=False):
            _curves(panel, results, task)
        _profile(axes[len(tasks)], results)
        for panel in axes[len(tasks) + 1 :]:
            panel.set_axis_off()
        handles: dict[str, Any] = {}
        for panel in axes:
            lines, labels = panel.get_legend_handles_labels()
            handles |= {label: line for label, line in zip(labels, lines, strict=True) if label not in handles}
        if handles:
            figure.legend(
                handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False
            )
        stream = io.StringIO()
        figure.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": "rexd benchmark", "Description": digest(results)}
        )
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


def _colour(results: Results, method: Method) -> str:
    return f"C{[known.name for known in results.suite.methods].index(method.name) % 10}"


def _curves(panel: Axes, results: Results, task: Task) -> None:
    """Draw each seed as a thin curve and the mean as a thick one.

    Methods without steps, and those with far more steps than the task has, are drawn as a horizontal line.
    """
    regime = results.suite.regimes[0]
    for method in results.methods(regime):
        cell, colour = results.of(regime, task, method), _colour(results, method)
        curves = [r["curve"] for r in cell if r.get("curve") and r["steps"] <= LONGER * task.steps]
        for curve in curves:
            panel.plot([p["steps"] for p in curve], [p["true_return"] for p in curve], color=colour, lw=0.5, alpha=0.6)
        if curves:
            common = min(len(curve) for curve in curves)
            mean = np.mean([[p["true_return"] for p in curve[:common]] for curve in curves], axis=0)
            panel.plot([p["steps"] for p in curves[0][:common]], mean, color=colour, lw=1.5, label=method.name)
        elif cell:
            level = float(np.mean([result["return_mean"] for result in cell]))
            longer = any(result.get("curve") for result in cell)
            panel.axhline(level, color=colour, lw=1.2, ls="-." if longer else "--", label=method.name)
    panel.axhline(task.demonstrations_return, color="black", lw=0.8, label="demonstrations")
    panel.axhline(threshold(task), color="black", lw=0.6, ls=":", label="95%")
    panel.set_ylim(bottom=min(task.random_return, 0.0) - 0.05 * (task.demonstrations_return - task.random_return))
    panel.set_title(task.name)
    panel.set_xlabel("environment steps")
    panel.set_ylabel("return")
    panel.xaxis.set_major_formatter(lambda steps, _: f"{steps / 1000:g}k")


def _profile(panel: Axes, results: Results) -> None:
    """Draw the profiles of the methods with results on all tasks, as only these were run on the same tasks."""
    regime = results.suite.regimes[0]
    tasks = results.tasks(regime)
    for method in results.methods(regime):
        scores = results.scores(regime, method)
        if len(scores) < len(tasks):
            continue
        profile, colour = performance_profile(list(scores.values()), THRESHOLDS), _colour(results, method)
        panel.plot(profile.thresholds, profile.share, color=colour, lw=1.5, label=method.name)
        panel.fill_between(profile.thresholds, profile.low, profile.high, color=colour, alpha=0.15, lw=0)
    panel.set_title("performance profile")
    panel.set_xlabel("score τ (0 random play, 1 demonstrations)")
    panel.set_ylabel("share of runs above τ")
    panel.set_ylim(-0.02, 1.02)
