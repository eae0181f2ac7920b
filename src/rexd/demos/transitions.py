"""The rows of all trajectories in one set of arrays, as learning takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array, BoolArray, Trajectory

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Transitions:
    """The rows of all trajectories, float32 and contiguous.

    Attributes:
        obs: (N, D) float32.
        act: (N, A) float32, or int64 for discrete actions: (N,), or (N, k) for k choices.
        next_obs: (N, D) float32.
        terminated: (N,) bool.
        truncated: (N,) bool.
        next_known: (N,) bool, whether ``next_obs`` was recorded.
        trajectory: (N,) int64, the number of the trajectory that each row comes from.
        step: (N,) int64, the number of steps of the episode before each row.
    """

    obs: Float32
    act: Array
    next_obs: Float32
    terminated: BoolArray
    truncated: BoolArray
    next_known: BoolArray
    trajectory: NDArray[np.int64]
    step: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.obs)


def stack(trajectories: Sequence[Trajectory]) -> Transitions:
    """Stack the rows of one or more trajectories end to end."""
    trajectories = tuple(trajectories)

    def column(name: str, dtype: type) -> Array:
        return np.ascontiguousarray(np.concatenate([getattr(t, name) for t in trajectories]).astype(dtype))

    discrete = trajectories[0].discrete
    return Transitions(
        obs=column("observations", np.float32),
        act=column("actions", np.int64 if discrete else np.float32),
        next_obs=column("next_observations", np.float32),
        terminated=column("terminated", np.bool_),
        truncated=column("truncated", np.bool_),
        next_known=column("next_known", np.bool_),
        trajectory=np.repeat(np.arange(len(trajectories)), [len(t) for t in trajectories]),
        step=column("steps", np.int64),
    )
