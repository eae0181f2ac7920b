"""Rewards scored in blocks: a learner of the off-policy kind looks at them only when it learns.

Wide networks are slow to read from memory and quick to multiply: eight rows at once take twice the time of one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, unwrap_vec_wrapper

from rexd.reward.base import RewardModel, predict_at
from rexd.rl.wrappers.reward_vec_env import Array, RewardVecEnv, Step


class BlockRewardVecEnv(RewardVecEnv):
    """Steps return 0, and nothing may learn from them until ``settle`` gave their rewards."""

    def __init__(self, venv: VecEnv, reward_model: RewardModel) -> None:
        """Wrap ``venv`` with a fitted reward model."""
        super().__init__(venv, reward_model)
        self._waiting: list[tuple[Step, Array, list[dict[str, Any]]]] = []

    def _pay(self, step: Step, dones: Array, infos: list[dict[str, Any]]) -> Array:
        self._waiting.append((step, dones, infos))
        return np.zeros(self.num_envs, np.float32)

    def settle(self) -> Array:
        """Rewards (T, n) of the T steps since the last call; the returns that belong in their infos come there now."""
        if not self._waiting:
            return np.zeros((0, self.num_envs), np.float32)
        rows = Step(*map(np.concatenate, zip(*(step for step, _, _ in self._waiting), strict=True)))
        rewards = predict_at(self.reward_model, *rows).reshape(-1, self.num_envs)
        for paid, (_, dones, infos) in zip(rewards, self._waiting, strict=True):
            self._sum(paid, dones, infos)
        self._waiting.clear()
        return rewards


class BlockRewardLearner:
    """Before an off-policy algorithm: settles what it collected, where its environment has a ``BlockRewardVecEnv``."""

    replay_buffer: Any  # the algorithm's

    def collect_rollouts(self, env: VecEnv, *args: Any, **kwargs: Any) -> Any:
        """Step the environment, and write the steps' rewards into the replay buffer."""
        rollout = super().collect_rollouts(env, *args, **kwargs)  # type: ignore[misc]  # the algorithm's
        scorer, buffer = unwrap_vec_wrapper(env, BlockRewardVecEnv), self.replay_buffer
        if scorer is not None:
            rewards = scorer.settle()
            buffer.rewards[(buffer.pos - len(rewards) + np.arange(len(rewards))) % buffer.buffer_size] = rewards
        return rollout
