"""The columns of a recording whose rows are stored end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rexd.demos.trajectory import Array, BoolArray


@dataclass(frozen=True, eq=False)
class RecordedColumns:
    """The columns of a file, one row for each step, as the file stores them.

    Shapes and dtypes may be any that ``rexd.reading.rows.normalise`` understands. N is the number of rows. A column
    that the file does not have is None.

    Attributes:
        observations: (N, D), the observation before each step.
        actions: (N, A), or (N,) for discrete actions.
        next_observations: (N, D), the observation after each step. Where there are none, the next row of the
            trajectory is taken, and the last next observation of each trajectory is unknown.
        terminated: (N,), whether the step reached a terminal state; for files that tell terminal states from time
            limits.
        truncated: (N,), whether a time limit or the end of the recording ended the episode on this step.
        dones: (N,), whether the episode ended on this step; for files that do not say what ended it. Ends at the
            environment's time limit count as truncated.
        starts: The first row of each trajectory: ascending row numbers, or (N,) bool that is true in these rows.
        rewards: (N,), the environment's rewards.
        next_known: (N,), whether each next observation was recorded. None where all were.
    """

    observations: Any
    actions: Any
    next_observations: Any = None
    terminated: Any = None
    truncated: Any = None
    dones: Any = None
    starts: Any = None
    rewards: Any = None
    next_known: Any = None


@dataclass(frozen=True, eq=False)
class NormalColumns:
    """RecordedColumns in the shapes and dtypes of a ``Trajectory``, without those that mark its ends.

    Attributes:
        observations: (N, D) floating point.
        actions: (N, A) floating point, or (N,) integers.
        next_observations: (N, D), or None where next observations were not recorded.
        next_known: (N,) bool, whether each next observation was recorded; None where all were.
        rewards: (N,), or None where rewards were not recorded.
    """

    observations: Array
    actions: Array
    next_observations: Array | None = None
    next_known: BoolArray | None = None
    rewards: Array | None = None
