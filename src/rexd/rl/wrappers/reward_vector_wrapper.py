"""A learnt reward for the vector environments of Gymnasium, in each of their autoreset modes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray

from rexd.envs.spaces import check_rewarded, clip_actions
from rexd.errors import TaskError
from rexd.reward.base import RewardModel, scorer
from rexd.reward.rows import Rows

Array = NDArray[Any]


class RewardVectorWrapper(VectorWrapper):
    """Replaces the rewards of a vector environment by those of a reward model, with one ``predict`` for each step.

    Which rows are transitions depends on ``metadata["autoreset_mode"]``:

    - ``NEXT_STEP``: the step after the end of an episode resets that environment and ignores its action. It is no
      transition: its reward is 0, the model is not asked, and a replay buffer has to leave the row out too.
    - ``SAME_STEP``: the step that ends an episode returns the first observation of the next episode. The last
      observation of the episode is in ``infos["final_obs"]``, and the model sees that one.
    - ``DISABLED``: the caller resets with ``options={"reset_mask": ...}``.

    The environments' own rewards are in ``infos["original_reward"]``, (n,), for evaluation and never for learning;
    ``infos["_original_reward"]`` says which rows are transitions.

    In ``SAME_STEP``, Gymnasium's ``SyncVectorEnv`` hands on the last observation without a copy. An environment that
    returns the same array again and again, which few do, overwrites it when it resets.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], reward_model: RewardModel) -> None:
        """Wrap ``env`` with a fitted reward model.

        Raises:
            SpaceMismatchError: The spaces of one environment are not supported.
            TaskError: ``env`` does not say in which mode it resets.
        """
        super().__init__(env)
        self._flattening = check_rewarded(env.single_observation_space, env.single_action_space)
        if "autoreset_mode" not in env.metadata:
            raise TaskError(
                f"{env} does not say when it resets after an episode's end, so that the rows of two episodes could be "
                "scored as one transition; set metadata['autoreset_mode'] to a gymnasium.vector.AutoresetMode"
            )
        self.reward_model = reward_model
        self._score = scorer(reward_model, env.num_envs)
        self._mode = AutoresetMode(env.metadata["autoreset_mode"])
        self._before: Array | None = None  # (n, D)
        self._ended = np.zeros(env.num_envs, bool)
        self._steps = np.zeros(env.num_envs, np.int64)  # since the start of each running episode

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset all environments, or those in ``options["reset_mask"]``."""
        # The mask is read first, as the vector environments of Gymnasium take it out of the caller's options.
        mask = None if options is None else options.get("reset_mask")
        rows = np.ones(self.num_envs, bool) if mask is None else np.array(mask, bool)
        observations, infos = self.env.reset(seed=seed, options=options)
        if self._before is None or rows.all():
            self._before = self._flattening.flatten(observations)
        else:
            self._before[rows] = self._flattening.flatten(observations)[rows]
        self._ended[rows] = False
        self._steps[rows] = 0
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Array, Any, Any, dict[str, Any]]:
        """Step all environments, and score the rows that are transitions."""
        before = self._before
        if before is None:
            raise gymnasium.error.ResetNeeded("step was called before reset; call reset first")
        taken = clip_actions(self.single_action_space, np.asarray(actions))
        live = ~self._ended if self._mode is AutoresetMode.NEXT_STEP else np.ones(self.num_envs, bool)
        observations, original, terminated, truncated, infos = self.env.step(actions)
        # a copy, since with copy=False the environment writes over its own array
        self._before = self._flattening.flatten(observations)
        self._ended = np.logical_or(terminated, truncated)
        after = self._before
        if self._mode is AutoresetMode.SAME_STEP and self._ended.any():
            after = after.copy()
            after[self._ended] = self._final_observations(infos)
        rewards = np.zeros(self.num_envs)
        if live.any():
            rows = Rows(before, taken, after, self._steps)
            rewards[live] = self._score(rows[live], np.flatnonzero(live))
        # A row that is no transition was a reset, and the end of an episode starts a new one.
        self._steps = np.where(live & ~self._ended, self._steps + 1, 0)
        infos = {**infos, "original_reward": np.array(original), "_original_reward": live}
        return observations, rewards, terminated, truncated, infos

    def _final_observations(self, infos: dict[str, Any]) -> Array:
        """Return the last observations (k, D) of the k episodes that ended, from an object array or an (n, D) one."""
        found = infos.get("final_obs")
        if found is None or any(row is None for row in np.asarray(found, dtype=object)[self._ended]):
            raise TaskError(
                "an episode ended in autoreset mode SAME_STEP without its last observation in infos['final_obs'], so "
                "that its last transition cannot be scored; use NEXT_STEP, or an environment that gives it"
            )
        return np.stack([self._flattening.flatten(found[k], 0) for k in np.flatnonzero(self._ended)])
