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
    """The rows of all trajectories, float32 (images: uint8) and contiguous.

    Attributes:
        obs: (N, D) float32, or images (N, H, W, C) uint8.
        act: (N, A) float32, or int64 for discrete actions: (N,), or (N, k) for k choices.
        next_obs: (N, D) float32, or images as above.
        terminated: (N,) bool.
        truncated: (N,) bool.
        next_known: (N,) bool, whether ``next_obs`` was recorded.
        trajectory: (N,) int64, the number of the trajectory that each row comes from.
        step: (N,) int64, the number of steps of the episode before each row.
    """

    obs: Array
    act: Array
    next_obs: Array
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
        joined = np.concatenate([getattr(t, name) for t in trajectories])
        return np.ascontiguousarray(joined.astype(dtype, copy=False))

    discrete = trajectories[0].discrete
    seen = np.uint8 if trajectories[0].observations.ndim == 4 else np.float32
    return Transitions(
        obs=column("observations", seen),
        act=column("actions", np.int64 if discrete else np.float32),
        next_obs=column("next_observations", seen),
        terminated=column("terminated", np.bool_),
        truncated=column("truncated", np.bool_),
        next_known=column("next_known", np.bool_),
        trajectory=np.repeat(np.arange(len(trajectories)), [len(t) for t in trajectories]),
        step=column("steps", np.int64),
    )
