"""Pictures of a reward: what it pays for which novelty, and how far probes lie from the expert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rexd.diagnosis.ladder import ACTION_NOISE, STATE_NOISE, action_noise, state_noise
from rexd.diagnosis.probe import Estimator
from rexd.diagnosis.sight import Scored, Sight
from rexd.evaluation.in_words import number
from rexd.report.drawing import AGENT, EXPERT, FAINT, Picture, draw, logarithmic
from rexd.reward.calibration import QUANTILES
from rexd.shown import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 48
RIDGE = 0.52  # inches for each histogram
MARKED = (0.05, 0.5, 0.95)  # quantiles of the expert's rows that are marked on the curve
LADDER = (*map(state_noise, STATE_NOISE), *map(action_noise, ACTION_NOISE))


def calibration_picture(model: Estimator, unit: float) -> Picture:
    """Draw what the reward pays for each novelty, and which share of the expert's held-out rows lies below it.

    Args:
        model: The reward.
        unit: ℓ, the unit of novelty.
    """
    quantiles = np.asarray(model.calibration_.quantiles, np.float64) / unit
    anchor = model.calibration_.anchor / unit
    held_out = model.held_out_novelty_ / unit
    marked = np.quantile(held_out, MARKED)
    low, high = min(0.1, max(float(marked[0]) / 3, 1e-3)), max(100.0, 3 * anchor, 3 * float(marked[-1]))
    grid = np.geomspace(low, high, 160)
    pays = model.reward_of_novelty((grid * unit).astype(np.float32))
    at = model.reward_of_novelty((marked * unit).astype(np.float32))

    def paint(figure: Figure) -> None:
        axes: Any = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        axes[0].plot(grid, pays, color=AGENT, lw=2)
        axes[0].plot(marked, at, color=EXPERT, marker="o", ls="")
        for share, x, y in zip(MARKED, marked, at, strict=True):
            axes[0].annotate(f"{share:.0%}", (x, y), xytext=(6, 3), textcoords="offset points", fontsize=9)
        axes[0].set_ylabel("reward")
        axes[0].set_ylim(-0.03, 1.05)
        axes[1].step(np.maximum(quantiles, low), QUANTILES, color=EXPERT, where="post")
        axes[1].set_ylabel("share of the\nexpert's rows")
        axes[1].set_xlabel("novelty in ℓ")
        axes[1].set_ylim(-0.03, 1.05)
        logarithmic(axes[1], low, high)
        for panel in axes:
            panel.grid(axis="both")
            panel.axvline(anchor, color=FAINT, lw=0.9, ls=(0, (4, 3)))
        axes[0].annotate("L₀", (anchor, 1.0), xytext=(4, -8), textcoords="offset points", fontsize=9, color=FAINT)

    near = model.calibration_.near
    ends = "" if near is None else f" It is assumed, and half of the reward ends at {number(float(near / unit))} ℓ."
    way = " (r; a row that has come p of the way is paid p (1 + r) / 2)" if model.climbs else ""
    words = (
        f"Above, what is paid for each novelty{way}; below, the share of the expert's held-out rows with at most this "
        "novelty. The dots are the "
        + ", ".join(
            f"{share:.0%} quantile ({number(float(x))} ℓ, paid {y:.2f})"
            for share, x, y in zip(MARKED, marked, at, strict=True)
        )
        + f" of these rows. L₀, the scale of rows that are not the expert's, lies at {number(float(anchor))} ℓ."
        + ends
    )
    return draw("Calibration: what the reward pays for which novelty", words, 3.7, paint)


def separation_picture(sight: Sight) -> Picture | None:
    """Draw the novelty of every probe beside the expert's, but for the ladders; None without probes."""
    probes = [probe for name, probe in sight.probes.items() if name not in LADDER]
    return _ridges("Separation: how novel other rows are than the expert's", sight.expert, probes)


def ladder_picture(sight: Sight) -> Picture | None:
    """Draw the novelty of rows with noise of growing size; None without them."""
    probes = [sight.probes[name] for name in LADDER if name in sight.probes]
    return _ridges("Ladders: the expert's rows with noise of growing size", sight.expert, probes)


def _ridges(title: str, expert: Scored, probes: Sequence[Scored]) -> Picture | None:
    if not probes:
        return None
    edges = _edges([expert, *probes])
    own = _shares(expert.novelty, edges)

    def paint(figure: Figure) -> None:
        panels: Any = figure.subplots(len(probes), 1, sharex=True, squeeze=False)[:, 0]
        for probe, panel in zip(probes, panels, strict=True):
            _ridge(panel, edges, own, _shares(probe.novelty, edges))
            panel.set_title(f"{plain(probe.name)}: AUROC {probe.auroc:.2f}", fontsize=9, pad=2)
        logarithmic(panels[-1], float(edges[0]), float(edges[-1]))
        panels[-1].set_xlabel("novelty in ℓ: the expert's held-out rows blue, others orange")

    said = "; ".join(
        f"{plain(probe.name)}: AUROC {probe.auroc:.2f}, median {number(probe.lies)} ℓ, reward {probe.pays:.2f}"
        for probe in probes
    )
    words = (
        "Histograms of the novelty of the expert's held-out rows (blue, the same in each row) and of other rows "
        f"(orange). Expert: median {number(expert.lies)} ℓ, reward {expert.pays:.2f}. {said}."
    )
    return draw(title, words, RIDGE * len(probes) + 0.5, paint)


def _ridge(panel: Axes, edges: NDArray[np.float64], own: NDArray[np.float64], other: NDArray[np.float64]) -> None:
    panel.stairs(own, edges, color=EXPERT, fill=True, alpha=0.35, lw=0)
    panel.stairs(other, edges, color=AGENT, lw=1.4)
    panel.set_yticks([])
    panel.spines["left"].set_visible(False)
    panel.set_ylim(0, max(float(own.max()), float(other.max()), 1e-9) * 1.05)


def _edges(scored: Sequence[Scored]) -> NDArray[np.float64]:
    """Return the edges of bins on a logarithmic axis, which hold all but the last thousandths of the rows."""
    values = np.concatenate([each.novelty for each in scored]).astype(np.float64)
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive):
        return np.geomspace(0.1, 10.0, BINS + 1)
    low, high = np.quantile(positive, (0.001, 0.999))
    return np.geomspace(low / 1.2, max(high, low * 10) * 1.2, BINS + 1)


def _shares(values: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(np.nan_to_num(values.astype(np.float64), posinf=edges[-1]), edges[0], edges[-1])
    return np.histogram(inside, edges)[0] / max(len(values), 1)


def probe_rows(probes: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the table of what a reward pays: name, rows, reward, novelty, AUROC with interval, share that passes.

    Args:
        probes: The entries ``probes`` of ``Diagnosis.to_dict``.
    """
    return [_probe_row(probe) for probe in probes]


def _probe_row(probe: Mapping[str, Any]) -> tuple[str, ...]:
    apart, novelty = probe["separation"], probe["novelty"]
    return (
        str(probe["name"]),
        f"{probe['rows']:,}",
        f"{probe['reward']:.3f}",
        "" if novelty is None else number(novelty),
        "" if apart is None else f"{apart['auroc']:.2f} [{apart['low']:.2f}, {apart['high']:.2f}]",
        "" if apart is None else f"{apart['accepted']:.0%}",
    )
