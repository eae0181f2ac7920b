"""A replay buffer whose discrete actions are one-hot columns, as in ``DemonstrationReplay``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.demos.choices import factors_of, one_hot
from rexd.demos.spaces import action_count


class OneHotReplayBuffer(ReplayBuffer):
    """A ``ReplayBuffer`` that takes the integers of discrete actions, and holds their one-hot columns."""

    def __init__(
        self, buffer_size: int, observation_space: Space[Any], action_space: Space[Any], **settings: Any
    ) -> None:
        """Allocate the arrays for a Discrete, MultiDiscrete or MultiBinary space."""
        count = action_count(action_space, "the environment")
        assert count is not None
        self.count = count
        columns = Box(0.0, 1.0, (sum(factors_of(count)),), np.float32)
        super().__init__(buffer_size, observation_space, columns, **settings)

    def add(self, obs: Any, next_obs: Any, action: NDArray[Any], *rest: Any) -> None:
        """Add a step of each environment."""
        super().add(obs, next_obs, one_hot(np.asarray(action, np.int64), self.count), *rest)
