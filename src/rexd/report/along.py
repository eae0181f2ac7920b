"""A reward along trajectories: time on the axis, what is paid over it, and falls marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Trajectory
from rexd.evaluation.in_words import number
from rexd.report.drawing import AGENT, FALL, Picture, draw
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.rows import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 8  # trajectories in one picture
MANY, BIN = 200, 8  # rows of a trajectory above which neighbours are taken together, and how many of them
MOST_BINS = 200
PANEL = 0.95  # inches
Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Along:
    """What one trajectory is paid.

    Attributes:
        name: The trajectory.
        steps: (T,) the steps since the start of the episode.
        paid: (T,) the reward of each.
        fell: Whether it ends in a terminal state.
    """

    name: str
    steps: NDArray[np.int64]
    paid: NDArray[Any]
    fell: bool

    @classmethod
    def of(cls, name: str, trajectory: Trajectory, paid: NDArray[Any]) -> Along:
        """Take the time and the end of a trajectory."""
        return cls(name, trajectory.steps, np.asarray(paid), bool(trajectory.terminated[-1]))


def played_along(episodes: Iterable[Trajectory], model: RewardModel | None) -> list[Along]:
    """Return what episodes of a policy are paid, by a model or, without one, by the environment."""
    found = []
    for number_, episode in enumerate(episodes):
        paid = episode.rewards if model is None else predict_at(model, Rows.of_trajectory(episode))
        if paid is not None:
            found.append(Along.of(f"episode {number_}", episode, paid))
    return found


def demonstrated_along(trajectories: Iterable[Trajectory], paid: NDArray[Any]) -> list[Along]:
    """Return what demonstrations are paid; ``paid`` (N,) has the rewards of their rows, one after the other."""
    found, start = [], 0
    for number_, trajectory in enumerate(trajectories):
        found.append(Along.of(f"trajectory {number_}", trajectory, paid[start : start + len(trajectory)]))
        start += len(trajectory)
    return found


def draw_along(title: str, along: Sequence[Along], *, what: str = "reward", colour: str = AGENT) -> Picture:
    """Draw the reward along each trajectory, the first ``MOST`` of them, below one another.

    Args:
        title: The line over the picture.
        along: The trajectories; at least one.
        what: What is paid, for the axis.
        colour: The colour of the lines.
    """
    shown = along[:MOST]
    bounded = all(len(each.paid) and each.paid.min() >= 0.0 and each.paid.max() <= 1.0 for each in along)

    def paint(figure: Figure) -> None:
        panels: Any = figure.subplots(len(shown), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for each, panel in zip(shown, panels, strict=True):
            _panel(panel, each, colour)
        if bounded:
            panels[0].set_ylim(-0.03, 1.03)
        panels[-1].set_xlabel("steps since the start of the episode")
        figure.supylabel(what, fontsize=10)

    return draw(title, _words(along, shown, what), PANEL * len(shown) + 0.5, paint)


def _panel(panel: Axes, each: Along, colour: str) -> None:
    panel.grid(axis="y")
    end = ", ends in a terminal state" if each.fell else ""
    panel.set_title(f"{each.name}: mean {number(float(each.paid.mean(dtype=float)))}{end}", fontsize=9, pad=3)
    if len(each.paid) > MANY:
        steps, low, mean, high = binned(each.steps, each.paid)
        panel.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
        panel.plot(steps, mean, color=colour)
    else:
        panel.plot(each.steps, each.paid, color=colour, marker="." if len(each.paid) < 60 else "", ms=4)
    if each.fell:
        panel.axvline(float(each.steps[-1]), color=FALL, lw=0.8, ls=(0, (3, 2)))
        panel.plot([float(each.steps[-1])], [float(each.paid[-1])], color=FALL, marker="X", ms=7, clip_on=False)


def binned(steps: NDArray[np.int64], paid: NDArray[Any]) -> tuple[Float64, Float64, Float64, Float64]:
    """Return the middle in time, the least, the mean and the greatest of neighbouring rows."""
    bins = min(MOST_BINS, len(paid) // BIN)
    parts = np.array_split(paid.astype(np.float64), bins)
    middles = [part.mean() for part in np.array_split(steps.astype(np.float64), bins)]
    low, mean, high = ([one(part) for part in parts] for one in (np.min, np.mean, np.max))
    return np.array(middles), np.array(low), np.array(mean), np.array(high)


def _words(along: Sequence[Along], shown: Sequence[Along], what: str) -> str:
    means = [float(each.paid.mean(dtype=float)) for each in along]
    fallen = sum(each.fell for each in along)
    count = "1 trajectory" if len(along) == 1 else f"{len(along):,} trajectories"
    first = "" if len(shown) == len(along) else f", of which the first {len(shown)} are drawn"
    spread = number(means[0]) if len(means) == 1 else f"{number(min(means))} to {number(max(means))} a step"
    ends = (
        "None ends in a terminal state." if not fallen else f"{fallen} of {len(along):,} end in a terminal state (×)."
    )
    late = [_late(each) for each in along if len(each.paid) >= 20]
    drops = sum(late)
    said = f" In {drops} the last tenth is paid less than half of the mean." if drops else ""
    gaps = any(len(each.steps) > 1 and (np.diff(each.steps) > 1).any() for each in along)
    left = " Rows were left out, among which may be ends." if gaps else ""
    return f"The {what} along {count}{first}: the mean of each is {spread}. {ends}{left}{said}"


def _late(each: Along) -> bool:
    """Whether the last tenth of a trajectory is paid less than half of its mean."""
    paid = each.paid.astype(float)
    return bool(paid[-(len(paid) // 10) :].mean() < 0.5 * paid.mean())
