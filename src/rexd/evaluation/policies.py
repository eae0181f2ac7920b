"""Policies that learn nothing, the lower bound that results are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space

from rexd.demos.trajectory import Array
from rexd.envs.spaces import clip_actions
from rexd.errors import SpaceMismatchError


class RandomPolicy:
    """A policy that draws actions uniformly from the action space, by one random generator for all rows."""

    def __init__(self, action_space: Space[Any], seed: int) -> None:
        """Prepare to draw from ``action_space``, a bounded Box or a discrete space.

        Raises:
            SpaceMismatchError: The space has no uniform distribution.
        """
        if not isinstance(action_space, Discrete | MultiDiscrete | MultiBinary) and not (
            isinstance(action_space, Box) and action_space.is_bounded("both")
        ):
            raise SpaceMismatchError(f"random actions need a bounded Box or a discrete space; found {action_space}")
        self._space = action_space
        self._random = np.random.default_rng(seed)

    def predict(self, observation: Array, deterministic: bool = True) -> tuple[Array, None]:
        """Return actions (n, A), or integers (n,) or (n, k), for observations (n, D); ``deterministic`` is ignored."""
        n = len(observation)
        if isinstance(self._space, Discrete):
            return self._random.integers(0, int(self._space.n), size=n), None
        if isinstance(self._space, MultiDiscrete | MultiBinary):
            options = self._space.nvec if isinstance(self._space, MultiDiscrete) else 2
            return self._random.integers(0, options, size=(n, *self._space.shape)), None
        assert isinstance(self._space, Box)
        drawn = self._random.uniform(self._space.low, self._space.high, size=(n, *self._space.shape))
        return clip_actions(self._space, drawn), None


class ConstantPolicy:
    """A policy that takes the same action in every state."""

    def __init__(self, action: Array | int) -> None:
        """Set the action: (A,) for a Box, an integer or (k,) integers for a discrete space."""
        self._action = np.array(action)

    def predict(self, observation: Array, deterministic: bool = True) -> tuple[Array, None]:
        """Return the action once for each of the observations (n, D); ``deterministic`` is ignored."""
        return np.repeat(self._action[None], len(observation), axis=0), None


class ZeroPolicy(ConstantPolicy):
    """A policy that takes action zero, or the bound nearest to it, or the first discrete action, in every state."""

    def __init__(self, action_space: Space[Any]) -> None:
        """Set the action to the zero of ``action_space``, a Box or a discrete space."""
        super().__init__(clip_actions(action_space, np.zeros((1, *(action_space.shape or ()))))[0])
