"""A learnt reward for one environment."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rexd.envs.spaces import check_rewarded, clip_actions
from rexd.reward.base import RewardModel, scorer
from rexd.reward.rows import Rows


class RewardWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Replaces the environment's reward by that of a reward model.

    The model is given the observation from before the step, the action as it was carried out (clipped to the action
    space) and the observation after the step. Observations of several parts (Dict, Tuple, Discrete and others) stay as
    they are, and the model is given their columns. The environment's own reward is in ``info["original_reward"]``, for
    evaluation and never for learning. Wrappers that change observations or actions change what the model sees. Put
    them outside this one, unless the demonstrations went through them too.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], reward_model: RewardModel) -> None:
        """Wrap ``env`` with a fitted reward model.

        Raises:
            SpaceMismatchError: The spaces of ``env`` are not supported.
        """
        super().__init__(env)
        self._flattening = check_rewarded(env.observation_space, env.action_space)
        self.reward_model = reward_model
        self._score = scorer(reward_model, 1)
        self._before: NDArray[Any] | None = None
        self._step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        # a copy, since an environment may write the next observation over it
        self._before = self._flattening.flatten(observation, 0)
        self._step = 0
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, and score the transition."""
        before = self._before
        if before is None:
            raise gymnasium.error.ResetNeeded("step was called before reset; call reset first")
        taken = clip_actions(self.action_space, np.asarray(action)[None])
        observation, original, terminated, truncated, info = self.env.step(action)
        self._before = self._flattening.flatten(observation, 0)
        rows = Rows(before[None], taken, self._before[None], np.array([self._step]))
        reward = float(self._score(rows, np.zeros(1, np.int64))[0])
        self._step += 1
        return observation, reward, terminated, truncated, {**info, "original_reward": float(original)}
