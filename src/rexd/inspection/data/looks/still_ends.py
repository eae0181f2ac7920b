"""Rows at the start and at the end of trajectories in which nothing changes: padding, and an expert that waits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.equal_rows import equal_rows
from rexd.demos.trajectory import BoolArray, Trajectory
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking

_FEW = 3  # rows; a body may rest for a moment
# The share of the median step that the last step before the copies has at least where they are padding. A body that
# comes to rest by itself slows down before; a recording that was filled up stops in full motion.
_ABRUPT = 0.1
_TRIM = "rexd convert --trim"


@dataclass(frozen=True)
class Moving:
    """The rows of a trajectory between its still ends.

    Attributes:
        start: The first row: the last one of those that stand still at the start.
        stop: One beyond the last row: of rows that stand still at the end, the first one is kept.
        padded: Whether the rows from ``stop`` on are padding: copies, action included, or zeros.
    """

    start: int
    stop: int
    padded: bool


def moving_rows(t: Trajectory) -> Moving:
    """Find the rows between the still ends of a trajectory; ends of up to three rows are not counted as still.

    The state of a still row is that of its neighbour, and its action is zero or its neighbour's.
    """
    count = len(t)
    if count <= _FEW:
        return Moving(0, count, padded=False)
    actions = t.actions.reshape(count, -1)
    same, repeated = equal_rows(t.observations[1:], t.observations[:-1]), equal_rows(actions[1:], actions[:-1])
    zero = (actions == 0).all(axis=1) & (t.actions.ndim > 1)  # the discrete action 0 is an action like others
    at_end = _run((same & (repeated | zero[1:]))[::-1])
    copies = _run((same & repeated)[::-1])
    if at_end <= _FEW:
        stop, padded = count, False
    elif copies > _FEW and copies < count - 1 and not t.observations[-1].any() and not actions[-1].any():
        stop, padded = count - copies - 1, True  # zeros, of which the first one is no state either
    else:
        stop, padded = count - at_end, copies == at_end and _stops_abruptly(t, count - at_end)
    at_start = _run((same & (repeated | zero[:-1]))[: stop - 1])
    return Moving(at_start if at_start > _FEW else 0, stop, padded)


@Look
def still_ends(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for trajectories that were filled up with copies of their last row, and for still starts and ends."""
    padded, still, rows = list[int](), list[int](), 0
    number = 0
    while (t := (yield)) is not None:
        found = moving_rows(t)
        cut = found.start + len(t) - found.stop
        if cut:
            (padded if found.padded else still).append(number)
            rows += cut
        number += 1
    alike = len(demos) > 1 and int(demos.lengths.min()) == int(demos.lengths.max())
    share = f"{rows:,} rows ({rows / demos.n_transitions:.1%})"
    if len(padded) > 1 or (padded and alike):
        message = (
            f"{len(padded)} of {len(demos)} trajectories stop in full motion and end in copies of one row, action "
            f"included (the first is trajectory {padded[0]}): {share} fill them up, and teach to stand still there"
        )
        return [Finding("warning", "padding", message, _TRIM)]
    if not padded and not still:
        return []
    message = (
        f"in {len(padded) + len(still)} of {len(demos)} trajectories nothing changes at the start or at the end, while "
        f"the action is zero or stays: {share}. Keep them where standing still is a part of the task"
    )
    return [Finding("info", "idle-ends", message, f"if it is not: {_TRIM}")]


def _stops_abruptly(t: Trajectory, stop: int) -> bool:
    """Return whether the step to the last row that moves is about as long as others: ``stop`` is one beyond it."""
    steps = np.diff(t.observations[:stop].astype(np.float64), axis=0)
    spread = t.observations[:stop].std(axis=0, dtype=np.float64)
    telling = spread > 0
    if not telling.any():
        return False
    lengths = np.sqrt((np.square(steps[:, telling] / spread[telling])).mean(axis=1))
    moved = lengths[lengths > 0]
    return bool(len(moved) and lengths[-1] >= _ABRUPT * np.median(moved))


def _run(flags: BoolArray | NDArray[np.bool_]) -> int:
    """Return how many of the first flags are true."""
    return len(flags) if flags.all() else int(flags.argmin())
