"""Rewards that are scored in blocks, since an off-policy learner looks at them only when it learns.

Wide networks are slow to read from memory and quick to multiply: eight rows at once take twice the time of one row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, unwrap_vec_wrapper

from rexd.reward.base import RewardModel
from rexd.reward.rows import Rows
from rexd.rl.wrappers.reward_vec_env import Array, RewardVecEnv


class BlockRewardVecEnv(RewardVecEnv):
    """A ``RewardVecEnv`` whose steps return 0. Nothing may learn from them until ``settle`` has given their rewards."""

    def __init__(self, venv: VecEnv, reward_model: RewardModel) -> None:
        """Wrap ``venv`` with a fitted reward model."""
        super().__init__(venv, reward_model)
        self._waiting: list[tuple[Rows, Array, list[dict[str, Any]]]] = []

    def _pay(self, rows: Rows, dones: Array, infos: list[dict[str, Any]]) -> Array:
        self._waiting.append((rows, dones, infos))
        return np.zeros(self.num_envs, np.float32)

    def settle(self) -> Array:
        """Return the rewards (T, n) of the T steps since the last call, and write learned returns into their infos."""
        if not self._waiting:
            return np.zeros((0, self.num_envs), np.float32)
        rows = Rows.joined([rows for rows, _, _ in self._waiting])
        environment = np.tile(np.arange(self.num_envs), len(self._waiting))
        rewards = self._score(rows, environment).reshape(-1, self.num_envs)
        for paid, (step, dones, infos) in zip(rewards, self._waiting, strict=True):
            self._sum(paid, step, dones, infos)
        self._waiting.clear()
        return rewards


class BlockRewardLearner:
    """A base class in front of an off-policy algorithm: it settles the rewards of what the algorithm collected.

    Where the environment has no ``BlockRewardVecEnv``, nothing is changed.
    """

    replay_buffer: Any  # the algorithm's

    def collect_rollouts(self, env: VecEnv, *args: Any, **kwargs: Any) -> Any:
        """Step the environment, and write the rewards of the steps into the replay buffer."""
        rollout = super().collect_rollouts(env, *args, **kwargs)  # type: ignore[misc]  # the algorithm's
        scorer, buffer = unwrap_vec_wrapper(env, BlockRewardVecEnv), self.replay_buffer
        if scorer is not None:
            rewards = scorer.settle()
            buffer.rewards[(buffer.pos - len(rewards) + np.arange(len(rewards))) % buffer.buffer_size] = rewards
        return rollout
