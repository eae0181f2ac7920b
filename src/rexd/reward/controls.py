"""Reward models around or instead of a learnt one: the control, and absorbing states."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError
from rexd.reward.base import Float32, RewardModel


class ConstantReward(RewardModel):
    """1 for demonstrated rows and 0 for the agent's: SQIL (Reddy et al. 2020, arXiv 1905.11108), the control.

    With everything else equal, it tells what a reward model adds to replay and cloning.
    """

    def fit(self, demonstrations: Demonstrations) -> Self:
        """Nothing to learn."""
        return self

    def novelty(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """1 for every row: whatever the agent does is not a demonstration."""
        return np.ones(len(obs), np.float32)

    def predict(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """0 for every row."""
        return np.zeros(len(obs), np.float32)

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """1 for every row."""
        return np.ones(demonstrations.n_transitions, np.float32)

    def save(self, path: str | Path) -> Path:
        """There is nothing to save."""
        raise RexdError("a constant reward has no state to save")


class AbsorbingReward(RewardModel):
    """A reward model on raw observations, for observations with an absorbing indicator as their last column.

    The absorbing state earns what the expert's own terminal behaviour is worth: the mean reward of demonstrated rows
    if a demonstration ends there, and nothing if none does.
    """

    def __init__(self, inner: RewardModel, demonstrations: Demonstrations) -> None:
        """Wrap a fitted model; ``demonstrations`` are the raw ones that it was fitted to."""
        self.inner, self.clock = inner, getattr(inner, "clock", False)
        self._raw = demonstrations
        terminates = any(bool(t.terminated.any()) for t in demonstrations)
        self.absorbing = float(inner.predict_demonstrations(demonstrations).mean()) if terminates else 0.0

    def fit(self, demonstrations: Demonstrations) -> Self:
        """The wrapped model is fitted already."""
        raise RexdError("fit the reward model before wrapping it in AbsorbingReward")

    def novelty(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """The wrapped model's, without the indicator."""
        return self.inner.novelty(*self._of_inner(obs, act, next_obs, step))

    def predict(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """The wrapped model's, but for the absorbing state."""
        reward = self.inner.predict(*self._of_inner(obs, act, next_obs, step))
        return np.where(obs[:, -1] > 0.5, np.float32(self.absorbing), reward)

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """Rewards of the demonstrations after ``add_absorbing``."""
        rows = demonstrations.transitions()
        alive = rows.obs[:, -1] < 0.5
        reward = np.full(len(rows), self.absorbing, np.float32)
        reward[alive] = self.inner.predict_demonstrations(self._raw)
        return reward

    def _of_inner(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None,
        next_obs: NDArray[Any] | None,
        step: NDArray[np.int64] | None,
    ) -> tuple[Any, ...]:
        """The rows as the wrapped model knows them."""
        known = (obs[:, :-1], act, None if next_obs is None else next_obs[:, :-1])
        return (*known, step) if self.clock else known

    def save(self, path: str | Path) -> Path:
        """Save the wrapped model; the indicator is no part of a reward file."""
        return self.inner.save(path)
