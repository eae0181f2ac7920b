"""Driving a DI-engine-style reward model from a Stable-Baselines3 or sbx run, in the order of DI-engine's pipelines.

DI-engine keeps this work in its entries ``serial_pipeline_reward_model_offpolicy`` and ``..._onpolicy``
(github.com/opendilab/DI-engine, ding/entry): each iteration collects a rollout, hands it to the reward model, trains
the model, empties its buffer every so many iterations, and lets the policy learn from rewards that are estimated when
they are used, so that a model which keeps training is served as well as one that was trained once.
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

from rexd.envs.spaces import check_spaces, clip_actions
from rexd.errors import RexdError
from rexd.rl.callbacks.reward_model_rows import (
    DrivenRewardModel,
    MethodOverride,
    as_rows,
    check_reward_model,
    clear_interval,
    estimate,
    stack_steps,
)

Array = NDArray[Any]


class RewardModelCallback(BaseCallback):
    """Pay the policy by a reward model with DI-engine's interface, and train that model as DI-engine does.

    An iteration is a rollout and the updates of the policy after it (``n_steps`` on-policy, ``train_freq``
    off-policy; the steps before ``learning_starts`` belong to the first). Between the two::

        reward_model.collect_data(rows)   # all rows since the last iteration
        reward_model.train()
        reward_model.clear_data()         # in iterations 0, k, 2k, ..., k = cfg.clear_buffer_per_iters

    Off-policy, every batch that is sampled from the replay buffer is given to ``estimate``; on-policy, the rollout
    is, and returns and advantages are computed again. The value that Stable-Baselines3 adds where a time limit cut
    an episode is kept. The environment's own reward is set to 0 before anything sees it.

    The reward model sees observations from before the step, unnormalised, and actions in the environment's scale as
    they were carried out (clipped); ``obs`` (D,) float32, ``action`` (A,) float32 or () int64, ``next_obs`` (D,),
    ``reward`` (1,) of 0, ``done``, ``terminated`` and ``truncated`` () bool. ``estimate`` is given ``obs``,
    ``action``, ``next_obs`` and ``reward``; a model whose attribute ``accepts_batches`` is true is given a dict of
    stacked NumPy arrays in the environment's dtypes instead, without ``reward``.

    Logged: ``reward_model/mean_reward``, of the steps since the last line, and ``reward_model/episode_return``, the
    learned return of the episodes that ended, both as estimated in the iteration that collected them.

    After an exception in ``learn`` an off-policy algorithm goes on paying the learned reward.

    Attributes:
        reward_model: What is driven.
        iterations: Done so far, over all calls of ``learn``.
    """

    _normalizer: VecNormalize | None
    _before: Array  # (n, D), what the next action is chosen for
    _returns: Array  # (n,) float64, learned so far in the episodes that run
    _bootstrap: tuple[Any, Any]  # values of the observations after the rollout, and which of its episodes had ended
    _override: MethodOverride

    def __init__(self, reward_model: DrivenRewardModel) -> None:
        """Drive ``reward_model``.

        Args:
            reward_model: Has ``estimate``, ``collect_data``, ``train`` and ``clear_data``.

        Raises:
            RexdError: It lacks one of them, or its ``cfg.clear_buffer_per_iters`` is no positive integer.
        """
        super().__init__()
        check_reward_model(reward_model)
        self.reward_model = reward_model
        self.iterations = 0
        self._clear_every = clear_interval(reward_model)
        self._steps: list[dict[str, Array]] = []  # not yet given to the reward model; each of n environments
        self._driven: Any = None
        self._updates, self._sampled = 0, False

    def _on_training_start(self) -> None:
        """Check the algorithm and put the learned reward in its buffer's way.

        Raises:
            RexdError: The algorithm, its buffer, its environments or the place of this callback is not supported.
        """
        model: Any = self.model
        self._check()
        self._normalizer = model.get_vec_normalize_env()
        normalizer = self._normalizer
        self._before = np.array(model._last_obs if normalizer is None else normalizer.get_original_obs())
        if self.locals["reset_num_timesteps"] or self._driven is not model:  # episodes start anew
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
            self._steps.clear()  # of a rollout that was stopped: its buffer was emptied too

    def _on_step(self) -> bool:
        """Record the step and hide its reward."""
        step, normalizer, dones = self.locals, self._normalizer, np.array(self.locals["dones"], bool)
        # In place: it is this array that goes into the buffer, once the value of states at a time limit is added.
        step["rewards"][:] = 0
        if normalizer is not None:
            normalizer.old_reward = np.zeros_like(step["rewards"])  # what off-policy algorithms store
        following = np.array(step["new_obs"] if normalizer is None else normalizer.get_original_obs())
        reached = following.copy()
        for k in np.flatnonzero(dones):
            last = step["infos"][k]["terminal_observation"]
            reached[k] = last if normalizer is None else normalizer.unnormalize_obs(last)
        truncated = dones & [bool(info.get("TimeLimit.truncated", False)) for info in step["infos"]]
        # On-policy algorithms keep the action that was drawn apart from the one that was sent.
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
        """Run one iteration of the reward model, unless the policy will not learn yet."""
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
            buffer.rewards += rewards  # to the values of states at a time limit, 0 elsewhere
            buffer.compute_returns_and_advantage(*self._bootstrap)

    def _on_training_end(self) -> None:
        self._override.remove()
        if isinstance(self.model, OffPolicyAlgorithm):
            self._check_sampled()

    def _sample(self, sample: Any, batch_size: int, env: VecNormalize | None = None) -> Any:
        """A batch of the replay buffer, paid by the reward model as it is now."""
        model: Any = self.model
        self._sampled = True
        batch = sample(batch_size)  # with env it would come normalised, which clipping makes irreversible
        stored = batch.actions.cpu().numpy()  # (B, A) in [-1, 1], or (B, 1)
        space = model.action_space
        actions = model.policy.unscale_action(stored) if isinstance(space, Box) else stored.reshape(-1)
        obs, next_obs = batch.observations.cpu().numpy(), batch.next_observations.cpu().numpy()
        learned = estimate(self.reward_model, obs, clip_actions(space, actions), next_obs)
        buffer = model.replay_buffer
        batch = batch._replace(rewards=buffer.to_torch(learned[:, None]))
        if env is None:
            return batch
        return batch._replace(
            observations=buffer.to_torch(env.normalize_obs(obs)),
            next_observations=buffer.to_torch(env.normalize_obs(next_obs)),
        )

    def _compute(self, compute: Any, last_values: Any, dones: Any) -> None:
        """Keep what returns and advantages will be computed from again; sbx tells it to nobody else."""
        self._bootstrap = last_values, dones
        compute(last_values, dones)

    def _log(self, rewards: Array) -> None:
        """Log learned rewards (T, n) of the steps at hand."""
        for step, paid in zip(self._steps, rewards, strict=True):
            self._returns += paid
            for k in np.flatnonzero(step["done"]):
                self.logger.record_mean("reward_model/episode_return", float(self._returns[k]))
                self._returns[k] = 0
        # one value for each iteration, all of the same length but the first
        self.logger.record_mean("reward_model/mean_reward", float(rewards.mean()))

    def _count_updates(self) -> int:
        return int(getattr(self.model, "_n_updates", 0))

    def _check_sampled(self) -> None:
        """Raise if the policy was updated with rows that did not come through ``replay_buffer.sample``."""
        updates, name = self._count_updates(), type(self.model).__name__
        if updates > self._updates and not self._sampled:
            raise RexdError(
                f"{name} made {updates - self._updates} updates without replay_buffer.sample, so that the learned "
                "reward did not reach it; expected an algorithm that samples its batches there, as those of "
                "Stable-Baselines3 and sbx do"
            )
        self._updates, self._sampled = updates, False

    def _check(self) -> None:
        model: Any = self.model
        name, normalizer = type(model).__name__, model.get_vec_normalize_env()
        if self.parent is not None:
            raise RexdError(
                f"RewardModelCallback is inside {type(self.parent).__name__}, which calls it now and then; expected "
                "one call a step. Pass it to learn itself, alone or in a list"
            )
        if not isinstance(model, OffPolicyAlgorithm | OnPolicyAlgorithm):
            raise RexdError(
                f"{name} is not supported; expected an on-policy or off-policy algorithm of Stable-Baselines3 or sbx, "
                "such as PPO or SAC"
            )
        check_spaces(model.observation_space, model.action_space)
        n_steps = getattr(getattr(model, "replay_buffer", None), "n_steps", 1)
        if n_steps != 1:
            raise RexdError(
                f"{name} learns from returns of {n_steps} steps, which its buffer sums from stored rewards; expected "
                "n_steps=1, for which rewards are estimated when they are used"
            )
        if normalizer is not None and normalizer.norm_reward:
            raise RexdError(
                "VecNormalize has norm_reward=True, whose statistics are those of the environment's reward; expected "
                "norm_reward=False"
            )
        if normalizer is not None and normalizer is not model.env:
            raise RexdError(
                f"VecNormalize is inside {type(model.env).__name__}, so that what the policy sees cannot be "
                "unnormalised; expected VecNormalize outermost"
            )
