"""A learnt reward for the vectorised environments of Stable-Baselines3."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from rexd.envs.spaces import check_rewarded, clip_actions
from rexd.reward.base import RewardModel, scorer
from rexd.reward.ends import for_ever, times_counted
from rexd.reward.rows import Rows

Array = NDArray[Any]


class RewardVecEnv(VecEnvWrapper):
    """Replaces the rewards of a ``VecEnv`` by those of a reward model, with one ``predict`` for each step.

    Put it right around the environments, inside ``VecNormalize``: the model scores raw observations. Where an episode
    ended, a ``VecEnv`` returns the first observation of the next episode; the model sees the last observation of the
    episode instead, ``info["terminal_observation"]``. The environments' own rewards are in
    ``info["original_reward"]``, for evaluation and never for learning. Where an episode ended,
    ``info["learned_episode"]["r"]`` is its learned return, counted up to the model's horizon where it has one
    (``rexd.reward.ends``); a ``Monitor`` inside reports the environment's own return.

    ``DummyVecEnv`` hands on the last observation without a copy. An environment that returns the same array again and
    again, which few do, overwrites it when it resets.
    """

    def __init__(self, venv: VecEnv, reward_model: RewardModel, *, discount: float | None = None) -> None:
        """Wrap ``venv`` with a fitted reward model.

        Args:
            venv: The environments.
            reward_model: The fitted reward model.
            discount: γ of the learner; with it, and with a model that has a horizon, a terminal step is also paid what
                its end is worth (``rexd.reward.ends``).

        Raises:
            SpaceMismatchError: The spaces of one environment are not supported.
        """
        super().__init__(venv)
        self._flattening = check_rewarded(venv.observation_space, venv.action_space)
        self.reward_model, self._discount = reward_model, discount
        self._score = scorer(reward_model, venv.num_envs)
        self._horizon = getattr(reward_model, "horizon", None)
        self._before: Array | None = None  # (n, D)
        self._taken: Array | None = None  # (n, A)
        self._steps = np.zeros(venv.num_envs, np.int64)  # since the start of each running episode
        self._returns = np.zeros(venv.num_envs)  # the learned return of each running episode so far

    def reset(self) -> Any:
        """Reset all environments, and return their observations (n, D)."""
        observations = self.venv.reset()
        self._before = self._flattening.flatten(observations)
        self._steps[:] = 0
        self._returns[:] = 0.0
        return observations

    def step_async(self, actions: Array) -> None:
        """Send the actions, and keep them as the environments will carry them out."""
        self._taken = clip_actions(self.action_space, actions)
        self.venv.step_async(actions)

    def step_wait(self) -> tuple[Any, Array, Array, list[dict[str, Any]]]:
        """Wait for the step and score its transitions."""
        observations, original, dones, infos = self.venv.step_wait()
        before, taken = self._before, self._taken
        if before is None or taken is None:
            raise gymnasium.error.ResetNeeded("step was called before reset; call reset first")
        self._before = self._flattening.flatten(observations)
        after = self._before.copy()
        for k in np.flatnonzero(dones):
            after[k] = self._flattening.flatten(infos[k]["terminal_observation"], 0)
        infos = [{**info, "original_reward": float(r)} for info, r in zip(infos, original, strict=True)]
        rewards = self._pay(Rows(before, taken, after, self._steps), dones, infos)
        self._steps = np.where(dones, 0, self._steps + 1)
        return observations, rewards, dones, infos

    def _pay(self, rows: Rows, dones: Array, infos: list[dict[str, Any]]) -> Array:
        """Return the rewards (n,) of a step of n environments."""
        rewards = self._score(rows, np.arange(self.num_envs))
        self._sum(rewards, rows, dones, infos)
        if self._horizon is None or self._discount is None:
            return rewards
        return rewards + for_ever(rewards, _terminated(dones, infos), self._discount)

    def _sum(self, rewards: Array, rows: Rows, dones: Array, infos: list[dict[str, Any]]) -> None:
        """Add the rewards of a step to the returns, and report the returns of the episodes that ended."""
        if self._horizon is None:
            self._returns += rewards
        else:
            assert rows.step is not None
            self._returns += rewards * times_counted(rows.step, _terminated(dones, infos), self._horizon)
        for k in np.flatnonzero(dones):
            infos[k]["learned_episode"] = {"r": float(self._returns[k])}
            self._returns[k] = 0.0


def _terminated(dones: Array, infos: list[dict[str, Any]]) -> Array:
    """Return which of n steps reached a terminal state, (n,) bool: the ones that ended otherwise than by truncation."""
    return np.array(
        [bool(d) and not info.get("TimeLimit.truncated", False) for d, info in zip(dones, infos, strict=True)]
    )
