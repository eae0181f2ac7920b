"""A reward over a plane: rows of demonstrations and of the agent, on two columns or two principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError, did_you_mean, import_extra
from rexd.report.drawing import AGENT, EXPERT, FAINT, Picture, draw
from rexd.shown import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 400  # rows of each kind
Float64 = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Plane:
    """Two axes that observations are shown on.

    Attributes:
        names: What the axes are called.
        mean: (D,) what is subtracted from observations.
        axes: (D, 2) what they are multiplied with then.
    """

    names: Pair
    mean: Float64
    axes: Float64

    def place(self, observations: NDArray[Any]) -> Float64:
        """Map (rows, D) observations to (rows, 2)."""
        return np.asarray((observations.astype(np.float64) - self.mean) @ self.axes)


def plane_of(demonstrations: Demonstrations, columns: Pair | None) -> Plane | None:
    """Return the plane of two columns, or the one on which demonstrations spread most.

    Args:
        demonstrations: Columns, in memory.
        columns: Two names or numbers of observation columns; None takes the first two principal components of the
            standardised columns.

    Returns:
        The plane; None where fewer than two columns vary.

    Raises:
        RexdError: A column does not exist.
    """
    obs = demonstrations.transitions().obs.astype(np.float64)
    names = list(demonstrations.column_names) or [f"observation[{k}]" for k in range(obs.shape[1])]
    if columns is not None:
        picked = [_column(text, names) for text in columns]
        axes = np.zeros((obs.shape[1], 2))
        axes[picked, [0, 1]] = 1.0
        return Plane((plain(names[picked[0]]), plain(names[picked[1]])), np.zeros(obs.shape[1]), axes)
    mean, spread = obs.mean(axis=0), obs.std(axis=0)
    varying = spread > 1e-6 * np.maximum(np.abs(mean), 1.0)
    if varying.sum() < 2:
        return None
    scale = np.where(varying, 1.0 / np.where(varying, spread, 1.0), 0.0)
    values, vectors = np.linalg.eigh(np.cov((obs - mean) * scale, rowvar=False))
    main = vectors[:, ::-1][:, :2]
    main = main * np.where(main[np.abs(main).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)  # a sign that does not vary
    shares = np.maximum(values[::-1][:2], 0.0) / max(float(values.sum()), 1e-12)
    first, second = (f"component {k + 1} ({shares[k]:.0%} of the variance)" for k in range(2))
    return Plane((first, second), mean, main * scale[:, None])


def _column(text: str, names: Sequence[str]) -> int:
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < len(names):
        return int(text)
    raise RexdError(
        f"--columns-xy names {text!r}; expected a number from 0 to {len(names) - 1}, or one of "
        f"{', '.join(map(plain, names[:8]))}{', ...' if len(names) > 8 else ''}.{did_you_mean(text, names)}"
    )


@dataclass(frozen=True, eq=False)
class Cloud:
    """Rows of one kind.

    Attributes:
        name: The kind.
        observations: (rows, D).
        paid: (rows,) the reward of each; None without a reward.
    """

    name: str
    observations: NDArray[Any]
    paid: NDArray[Any] | None


def plane_picture(plane: Plane, clouds: Sequence[Cloud]) -> Picture:
    """Draw clouds of rows on the plane; where there is a reward their colour is what they are paid.

    Args:
        plane: The axes.
        clouds: The demonstrations first, then others.
    """
    valued = all(cloud.paid is not None for cloud in clouds)

    def paint(figure: Figure) -> None:
        colours = import_extra("matplotlib.colors", "report")
        ramp = import_extra("matplotlib", "report").colormaps["plasma"](np.linspace(0.12, 0.88, 64))
        panel: Any = figure.subplots()
        for number, cloud in enumerate(clouds):
            pick = np.linspace(0, len(cloud.observations) - 1, min(MOST, len(cloud.observations))).astype(int)
            x, y = plane.place(cloud.observations[pick]).T
            look: dict[str, Any] = {"marker": "^" if number else "o", "s": 20 if number else 16, "linewidths": 0.4}
            if valued and cloud.paid is not None:
                paid = np.round(cloud.paid[pick].astype(float) * 63) / 63  # few colours, which a page repeats
                look |= {"c": paid, "cmap": colours.ListedColormap(ramp), "vmin": 0.0, "vmax": 1.0}
                look |= {"edgecolors": AGENT if number else EXPERT}
            else:
                look |= {"c": AGENT if number else EXPERT, "alpha": 0.7}
            dots = panel.scatter(x, y, label=cloud.name, **look)
        if valued:
            bar = figure.colorbar(dots, ax=panel, location="top", aspect=40, label="reward")
            bar.outline.set_edgecolor(FAINT)
        panel.set_xlabel(plane.names[0])
        panel.set_ylabel(plane.names[1])
        legend = panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
        for handle in legend.legend_handles:
            handle.set_array(None)
            handle.set(facecolor=FAINT, edgecolor=FAINT)

    said = "; ".join(_said(cloud) for cloud in clouds)
    where = f"on {plane.names[0]} and {plane.names[1]}"
    return draw("The rows on a plane", f"Rows {where}. {said}.", 4.2, paint)


def _said(cloud: Cloud) -> str:
    rows = f"{cloud.name}: {len(cloud.observations):,} rows"
    if cloud.paid is None:
        return rows
    low, middle, high = np.quantile(cloud.paid.astype(float), (0.05, 0.5, 0.95))
    return f"{rows}, paid {middle:.2f} in the middle, nine tenths of them {low:.2f} to {high:.2f}"
