"""A callback that drives a reward model with DI-engine's interface in a run of Stable-Baselines3 or sbx.

The order of calls is that of DI-engine's entries ``serial_pipeline_reward_model_offpolicy`` and ``..._onpolicy``
(github.com/opendilab/DI-engine, ding/entry). Each iteration collects a rollout, gives it to the reward model, trains
the model, and empties the model's buffer if it is time to do so. The policy then learns from rewards that are estimated
when they are used, so that a model which keeps training works as well as one that is trained once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize

from rexd.envs.spaces import check_rewarded, check_spaces, clip_actions
from rexd.errors import RexdError
from rexd.flattening import Flattening
from rexd.rl.callbacks.reward_model_rows import (
    DrivenRewardModel,
    MethodOverride,
    arrays_of,
    as_rows,
    check_reward_model,
    clear_interval,
    estimate,
    shaped,
    stack_steps,
    tensors_of,
)

Array = NDArray[Any]


class RewardModelCallback(BaseCallback):
    """Gives the policy the rewards of a reward model with DI-engine's interface, and trains that model in its order.

    An iteration is a rollout and the updates of the policy after it. A rollout has ``n_steps`` steps on-policy and
    ``train_freq`` off-policy; the steps before ``learning_starts`` belong to the first iteration. Between the rollout
    and the updates, the callback calls::

        reward_model.collect_data(rows)   # all rows since the last iteration
        reward_model.train()
        reward_model.clear_data()         # in iterations 0, k, 2k, ..., k = cfg.clear_buffer_per_iters

    Off-policy, every batch that is sampled from the replay buffer is given to ``estimate``. On-policy, the rollout is
    given to ``estimate``, and returns and advantages are computed again. The value that Stable-Baselines3 adds where a
    time limit truncated an episode is kept. The environment's own reward is set to 0 before anything sees it.

    The rows of the reward model have unnormalised observations, and actions in the environment's scale as they were
    carried out (clipped): ``obs`` (D,) float32 from before the step, ``action`` (A,) float32 or (1,) int64,
    ``next_obs`` (D,), ``reward`` (1,) of 0, and ``done``, ``terminated`` and ``truncated`` () bool. ``estimate`` is
    given rows with ``obs``, ``action``, ``next_obs`` and ``reward``. A model whose attribute ``accepts_batches`` is
    true is given a dict of stacked NumPy arrays in the environment's dtypes instead, without ``reward``. Dictionaries
    of observations become columns by Gymnasium's rules for the reward model, and stay as they are for the policy.

    The callback logs ``reward_model/mean_reward``, the mean over the steps since the last line of the log, and
    ``reward_model/episode_return``, the learned return of the episodes that ended. Both are as estimated in the
    iteration that collected the steps.

    After an exception in ``learn``, an off-policy algorithm goes on learning from the rewards of the reward model.

    Attributes:
        reward_model: The reward model that is driven.
        iterations: Number of iterations done so far, over all calls of ``learn``.
    """

    _normalizer: VecNormalize | None
    _flattening: Flattening  # how observations of several parts become columns
    _before: Array  # (n, D), the observations that the next actions are chosen for
    _returns: Array  # (n,) float64, the learned returns of the running episodes so far
    _bootstrap: tuple[Any, Any]  # values of the observations after the rollout, and which episodes had ended there
    _override: MethodOverride

    def __init__(self, reward_model: DrivenRewardModel) -> None:
        """Take the reward model to drive.

        Args:
            reward_model: A model with the methods ``estimate``, ``collect_data``, ``train`` and ``clear_data``.

        Raises:
            RexdError: The model lacks one of them, or its ``cfg.clear_buffer_per_iters`` is not a positive integer.
        """
        super().__init__()
        check_reward_model(reward_model)
        self.reward_model = reward_model
        self.iterations = 0
        self._clear_every = clear_interval(reward_model)
        self._steps: list[dict[str, Array]] = []  # steps of n environments, not yet given to the reward model
        self._driven: Any = None
        self._updates, self._sampled = 0, False

    def _on_training_start(self) -> None:
        """Check the algorithm, and make its buffer give out learned rewards.

        Raises:
            RexdError: The algorithm, its buffer, its environments or the place of this callback is not supported.
        """
        model: Any = self.model
        self._check()
        self._normalizer = model.get_vec_normalize_env()
        normalizer = self._normalizer
        self._before = self._flattening.flatten(
            model._last_obs if normalizer is None else normalizer.get_original_obs()
        )
        if self.locals["reset_num_timesteps"] or self._driven is not model:  # all environments start new episodes
            self._steps.clear()
            self._returns = np.zeros(model.n_envs)
            self._driven = model
        if isinstance(model, OffPolicyAlgorithm):
            self._updates, self._sampled = self._count_updates(), False
            self._override = MethodOverride(model.replay_buffer, "sample", self._sample)
        else:
            self._override = MethodOverride(model.rollout_buffer, "compute_returns_and_advantage", self._compute)

    def _on_rollout_start(self) -> None:
        if isinstance(self.model, OffPolicyAlgorithm):
            self._check_sampled()
        else:
            self._steps.clear()  # the steps of a rollout that was stopped, whose buffer was emptied too

    def _on_step(self) -> bool:
        """Record the step, and set the environment's reward to 0."""
        step, normalizer, dones = self.locals, self._normalizer, np.array(self.locals["dones"], bool)
        # This array is changed in place, since it goes into the buffer after the value of states at a time limit is
        # added.
        step["rewards"][:] = 0
        if normalizer is not None:
            normalizer.old_reward = np.zeros_like(step["rewards"])  # off-policy algorithms store this reward
        following = self._flattening.flatten(step["new_obs"] if normalizer is None else normalizer.get_original_obs())
        reached = following.copy()
        for k in np.flatnonzero(dones):
            last = step["infos"][k]["terminal_observation"]
            raw = last if normalizer is None else normalizer.unnormalize_obs(last)
            reached[k] = self._flattening.flatten(raw, 0)
        truncated = dones & [bool(info.get("TimeLimit.truncated", False)) for info in step["infos"]]
        # On-policy algorithms have both the action that was drawn and the clipped action that was sent.
        taken = step.get("clipped_actions", step["actions"])
        self._steps.append(
            {
                "obs": self._before,
                "action": clip_actions(self.model.action_space, taken),
                "next_obs": reached,
                "done": dones,
                "terminated": dones & ~truncated,
                "truncated": truncated,
            }
        )
        self._before = following
        return True

    def _on_rollout_end(self) -> None:
        """Run one iteration of the reward model, unless the policy does not learn yet."""
        model: Any = self.model
        if isinstance(model, OffPolicyAlgorithm) and model.num_timesteps <= model.learning_starts:
            return
        columns = stack_steps(self._steps)
        self.reward_model.collect_data(as_rows(columns))
        self.reward_model.train()
        if self.iterations % self._clear_every == 0:
            self.reward_model.clear_data()
        self.iterations += 1
        learned = estimate(self.reward_model, columns["obs"], columns["action"], columns["next_obs"])
        rewards = learned.reshape(model.n_envs, -1).T  # (n * T,) -> (T, n)
        self._log(rewards)
        self._steps.clear()
        if isinstance(model, OnPolicyAlgorithm):
            buffer = model.rollout_buffer
            buffer.rewards += rewards  # the buffer holds the values of states at a time limit, and 0 elsewhere
            buffer.compute_returns_and_advantage(*self._bootstrap)

    def _on_training_end(self) -> None:
        self._override.remove()
        if isinstance(self.model, OffPolicyAlgorithm):
            self._check_sampled()

    def _sample(self, sample: Any, batch_size: int, env: VecNormalize | None = None) -> Any:
        """Sample a batch of the replay buffer, with the present rewards of the reward model."""
        model: Any = self.model
        self._sampled = True
        batch = sample(batch_size)  # with env, the batch would be normalised and clipped, which cannot be undone
        stored = batch.actions.cpu().numpy()  # (B, A) in [-1, 1], or (B, 1)
        space = model.action_space
        actions = model.policy.unscale_action(stored) if isinstance(space, Box) else stored.reshape(-1)
        obs, next_obs = arrays_of(batch.observations), arrays_of(batch.next_observations)
        before, after = (self._flattening.flatten(shaped(o, model.observation_space)) for o in (obs, next_obs))
        learned = estimate(self.reward_model, before, clip_actions(space, actions), after)
        buffer = model.replay_buffer
        batch = batch._replace(rewards=buffer.to_torch(learned[:, None]))
        if env is None:
            return batch
        return batch._replace(
            observations=tensors_of(env.normalize_obs(obs), buffer.to_torch),
            next_observations=tensors_of(env.normalize_obs(next_obs), buffer.to_torch),
        )

    def _compute(self, compute: Any, last_values: Any, dones: Any) -> None:
        """Keep what returns and advantages are computed from again, since sbx does not give it to callbacks."""
        self._bootstrap = last_values, dones
        compute(last_values, dones)

    def _log(self, rewards: Array) -> None:
        """Log the learned rewards (T, n) of the recorded steps."""
        for step, paid in zip(self._steps, rewards, strict=True):
            self._returns += paid
            for k in np.flatnonzero(step["done"]):
                self.logger.record_mean("reward_model/episode_return", float(self._returns[k]))
                self._returns[k] = 0
        # A mean of means is right here, since all iterations but the first have the same number of steps.
        self.logger.record_mean("reward_model/mean_reward", float(rewards.mean()))

    def _count_updates(self) -> int:
        return int(getattr(self.model, "_n_updates", 0))

    def _check_sampled(self) -> None:
        """Check that the policy was updated with rows from ``replay_buffer.sample`` only.

        Raises:
            RexdError: There were updates, and ``replay_buffer.sample`` was not called.
        """
        updates, name = self._count_updates(), type(self.model).__name__
        if updates > self._updates and not self._sampled:
            raise RexdError(
                f"{name} made {updates - self._updates} updates without replay_buffer.sample, so that the learned "
                "reward did not reach it; expected an algorithm that samples its batches there, as the algorithms of "
                "Stable-Baselines3 and sbx do"
            )
        self._updates, self._sampled = updates, False

    def _check(self) -> None:
        """Check that the algorithm, its buffer, its environments and the place of this callback are supported."""
        model: Any = self.model
        name, normalizer = type(model).__name__, model.get_vec_normalize_env()
        if self.parent is not None:
            raise RexdError(
                f"RewardModelCallback is inside {type(self.parent).__name__}, which does not call it at every step; "
                "expected a call at every step. Pass it to learn directly, alone or in a list"
            )
        if not isinstance(model, OffPolicyAlgorithm | OnPolicyAlgorithm):
            raise RexdError(
                f"{name} is not supported; expected an on-policy or off-policy algorithm of Stable-Baselines3 or sbx, "
                "such as PPO or SAC"
            )
        if isinstance(model.observation_space, Box):
            check_spaces(model.observation_space, model.action_space)  # images are not for models of this interface
        self._flattening = check_rewarded(model.observation_space, model.action_space)
        n_steps = getattr(getattr(model, "replay_buffer", None), "n_steps", 1)
        if n_steps != 1:
            raise RexdError(
                f"{name} learns from returns of {n_steps} steps, which its buffer adds up from stored rewards; "
                "expected n_steps=1, so that rewards can be estimated when they are used"
            )
        if normalizer is not None and normalizer.norm_reward:
            raise RexdError(
                "VecNormalize has norm_reward=True, so that it scales rewards by statistics of the environment's own "
                "reward; expected norm_reward=False"
            )
        if normalizer is not None and normalizer is not model.env:
            raise RexdError(
                f"VecNormalize is inside {type(model.env).__name__}, so that the policy's observations cannot be "
                "unnormalised; expected VecNormalize as the outermost wrapper"
            )
