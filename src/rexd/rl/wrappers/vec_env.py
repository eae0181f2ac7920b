"""A learnt reward for Stable-Baselines3's vectorised environments."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from rexd.reward.base import RewardModel, predict_at
from rexd.rl.spaces import check_spaces, clip_actions

Array = NDArray[Any]


class RewardVecEnv(VecEnvWrapper):
    """Replace the rewards of a ``VecEnv`` by those of a reward model, with one ``predict`` a step.

    Put it right around the environments, inside ``VecNormalize``: the model scores raw observations. A ``VecEnv``
    returns the first observation of the next episode where one ended; the model sees the last one of the episode,
    ``info["terminal_observation"]``. The environments' own rewards are in ``info["original_reward"]``, for
    evaluation and never for learning. A ``Monitor`` inside reports the environment's own return.

    ``DummyVecEnv`` hands on the last observation without a copy: an environment which returns the same array again
    and again (few do) overwrites it when it resets.
    """

    def __init__(self, venv: VecEnv, reward_model: RewardModel) -> None:
        """Wrap ``venv`` with a fitted reward model.

        Raises:
            SpaceMismatchError: The spaces of one environment are not supported.
        """
        super().__init__(venv)
        check_spaces(venv.observation_space, venv.action_space)
        self.reward_model = reward_model
        self._before: Array | None = None  # (n, D)
        self._taken: Array | None = None  # (n, A)
        self._steps = np.zeros(venv.num_envs, np.int64)  # of the episodes that run

    def reset(self) -> Any:
        """Reset all environments; returns their observations (n, D)."""
        observations = self.venv.reset()
        self._before = np.array(observations)
        self._steps[:] = 0
        return observations

    def step_async(self, actions: Array) -> None:
        """Send the actions, and keep them as they will be carried out."""
        self._taken = clip_actions(self.action_space, actions)
        self.venv.step_async(actions)

    def step_wait(self) -> tuple[Any, Array, Array, list[dict[str, Any]]]:
        """Wait for the step and score its transitions."""
        observations, original, dones, infos = self.venv.step_wait()
        before, taken = self._before, self._taken
        if before is None or taken is None:
            raise gymnasium.error.ResetNeeded("step was called before reset; call reset first")
        self._before = np.array(observations)
        after = self._before.copy()
        for k in np.flatnonzero(dones):
            after[k] = infos[k]["terminal_observation"]
        rewards = predict_at(self.reward_model, before, taken, after, self._steps)
        self._steps = np.where(dones, 0, self._steps + 1)
        infos = [{**info, "original_reward": float(r)} for info, r in zip(infos, original, strict=True)]
        return observations, rewards, dones, infos
