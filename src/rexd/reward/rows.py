"""The rows that a reward model is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Trajectory
from rexd.demos.transitions import Transitions

Array = NDArray[Any]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of each of ``batch`` transitions: (s, a, s') and when it happened.

    Attributes:
        obs: (batch, D) raw observations from before the step, or images (batch, H, W, C) uint8.
        act: (batch, A) continuous actions as they were carried out, or (batch,) integers of a discrete action space;
            None for reward models of states alone.
        next_obs: (batch, D) raw observations from after the step; needed by reward models of (s, s') alone.
        step: (batch,) int64 steps between the start of the row's episode and the row; None where it is not known.
    """

    obs: Array
    act: Array | None = None
    next_obs: Array | None = None
    step: Array | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.obs)

    def __getitem__(self, index: slice | Array) -> Rows:
        """Return the rows at ``index``: a slice, row numbers or a mask."""
        columns = (self.obs, self.act, self.next_obs, self.step)
        return Rows(*(None if column is None else column[index] for column in columns))  # type: ignore[arg-type]

    @classmethod
    def of_transitions(cls, transitions: Transitions) -> Self:
        """Take the rows of demonstrations."""
        return cls(transitions.obs, transitions.act, transitions.next_obs, transitions.step)

    @classmethod
    def of_trajectory(cls, trajectory: Trajectory) -> Self:
        """Take the rows of one trajectory, in the dtypes in which it was recorded."""
        return cls(trajectory.observations, trajectory.actions, trajectory.next_observations, trajectory.steps)

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Self:
        """Put rows end to end; each part has the same columns as the first."""
        columns = ([getattr(part, name) for part in parts] for name in ("obs", "act", "next_obs", "step"))
        return cls(*(None if column[0] is None else np.concatenate(column) for column in columns))  # type: ignore[arg-type]
