"""Rewards around or instead of a learnt one: the constant control, and absorbing states."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.ends import horizon_of
from rexd.reward.rows import Float32, Rows


class ConstantReward(RewardModel):
    """1 for demonstrated rows and 0 for the agent's: SQIL (Reddy et al. 2020, arXiv 1905.11108), the control.

    With everything else equal, it tells what a reward model adds to replay and cloning.
    """

    def fit(self, demonstrations: Demonstrations) -> Self:
        """Learn whether demonstrations end in terminal states, and return self."""
        self.horizon = horizon_of(demonstrations)
        return self

    def novelty_of(self, rows: Rows) -> Float32:
        """Return 1 for every row: whatever the agent does is no demonstration."""
        return np.ones(len(rows), np.float32)

    def reward_of(self, rows: Rows) -> Float32:
        """Return 0 for every row."""
        return np.zeros(len(rows), np.float32)

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """Return 1 for every row."""
        return np.ones(demonstrations.n_transitions, np.float32)

    def save(self, path: str | Path) -> Path:
        """Refuse: there is nothing to save."""
        raise RexdError("a constant reward has no state to save")


class AbsorbingReward(RewardModel):
    """A reward model of raw observations, for observations whose last column marks absorbing states.

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
        """Refuse: the wrapped model is fitted already."""
        raise RexdError("fit the reward model before wrapping it in AbsorbingReward")

    def novelty_of(self, rows: Rows) -> Float32:
        """Return the wrapped model's novelty of the rows without their mark."""
        return self.inner.novelty_of(_without_mark(rows))

    def reward_of(self, rows: Rows) -> Float32:
        """Return the wrapped model's reward, or that of the absorbing state where a row is marked."""
        reward = predict_at(self.inner, _without_mark(rows))
        return np.where(rows.obs[:, -1] > 0.5, np.float32(self.absorbing), reward)

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """Return the rewards of demonstrations after ``add_absorbing``."""
        rows = demonstrations.transitions()
        alive = rows.obs[:, -1] < 0.5
        reward = np.full(len(rows), self.absorbing, np.float32)
        reward[alive] = self.inner.predict_demonstrations(self._raw)
        return reward

    def save(self, path: str | Path) -> Path:
        """Save the wrapped model; the mark is no part of a reward file."""
        return self.inner.save(path)


def _without_mark(rows: Rows) -> Rows:
    next_obs = None if rows.next_obs is None else rows.next_obs[:, :-1]
    return Rows(rows.obs[:, :-1], rows.act, next_obs, rows.step)
