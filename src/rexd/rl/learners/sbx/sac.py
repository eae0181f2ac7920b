"""SAC of sbx with demonstrations: symmetric replay and a cloning term in the actor's loss.

Half of every batch is drawn from the demonstrations, rewarded by the same reward model (symmetric sampling, Ball et
al. 2023, arXiv 2302.02948). The actor's loss is SAC's plus w · |mode π(s) − a|² on demonstrated rows, where the weight
w = c · (1 + 0.1 · mean|Q|) follows the scale of the critics. Without the replay, exploration has to find the expert's
support by itself, and Hopper stands still (docs/methods.md).

The actor begins as a clone of the demonstrations, and only clones while the critics learn what the clone does. Then the
critics' part in its loss grows slowly, while the agent's own best episodes are cloned too (``best_episodes``). Critics
with batch normalisation and no targets (CrossQ, arXiv 1902.05605) learnt as fast but did not keep what they had gained
(docs/lab/learner.md).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState
from gymnasium.spaces import Box
from numpy.typing import NDArray
from sbx import SAC
from sbx.common.policies import SquashedGaussianActor, VectorCritic
from sbx.common.type_aliases import RLTrainState
from sbx.sac.policies import SACPolicy

from rexd.rl.learners.from_demonstrations import AVERAGING, DemonstrationLearner
from rexd.rl.learners.sbx.actions import CONTINUOUS, Actions, Discrete, smoothing_of
from rexd.rl.learners.sbx.categorical import CategoricalPolicy
from rexd.rl.learners.sbx.compilation import made_at_once, with_known_functions
from rexd.rl.replay.batches import Batch
from rexd.rl.replay.demonstrations import DemonstrationReplay


class LearnerState(NamedTuple):
    """Everything that an update changes."""

    actor: TrainState
    critic: RLTrainState
    entropy: TrainState
    average: Any
    key: Any
    updates: Any


class Schedule(NamedTuple):
    """The updates at which the actor begins to follow its critics.

    Attributes:
        starts: Number of updates in which the actor only clones, while the critics learn.
        ramp: Number of updates after these over which the critics' part in the actor's loss grows from 0 to 1.
    """

    starts: float
    ramp: float


AT_ONCE = Schedule(0.0, 0.0)


class Settings(NamedTuple):
    """The settings of an update.

    Attributes:
        tau: Share of the critics' weights that enters the target networks.
        target_entropy: Entropy of the policy at which the entropy coefficient is held, in nats.
        backup_entropy: Whether the entropy of the next action is part of the critics' targets.
        cloning_weight: c of the cloning term.
        schedule: The updates at which the actor begins to follow its critics.
    """

    tau: float
    target_entropy: float
    backup_entropy: bool
    cloning_weight: float
    schedule: Schedule


class Losses(NamedTuple):
    """The losses and statistics of an update."""

    critic: Any
    actor: Any
    cloning: Any
    entropy_coefficient: Any
    q_mean: Any


class DemonstrationSAC(DemonstrationLearner, SAC):  # type: ignore[misc]
    """SAC of sbx whose updates also see demonstrations. Without them it is SAC with the update of this module.

    Discrete actions need a ``CategoricalPolicy`` and an ``OneHotReplayBuffer``.

    A subclass overrides ``learn_from_batches`` to change the rewards of an update. If it has a state of its own, it
    also overrides ``extra_state``, ``load_extra_state`` and ``_excluded_save_params``.
    """

    schedule: Schedule = AT_ONCE
    actions: Actions
    policy_class: Any
    policy_kwargs: dict[str, Any]
    ent_coef_state: TrainState
    key: Any

    def __init__(self, policy: Any, env: Any = None, **settings: Any) -> None:
        """Build the networks.

        Args:
            policy: The class of the policy, or sbx's name of it.
            env: The environment; with discrete actions, a ``VecEnv``.
            **settings: The other arguments of sbx.
        """
        if env is None or isinstance(env.action_space, Box):
            super().__init__(policy, env, **settings)
            return
        # Nothing in sbx's SAC but its constructor refuses discrete actions, and only if it is given an environment.
        super().__init__(policy, None, **settings, _init_setup_model=False)
        self.env, self.n_envs = env, env.num_envs
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self._setup_model()

    def _setup_model(self) -> None:
        asked = self.policy_kwargs
        if self.policy_class is SACPolicy:
            networks = {"actor_class": SquashedGaussianActor, "vector_critic_class": VectorCritic}
            self.policy_kwargs = {name: made_at_once(network) for name, network in networks.items()} | asked
        super()._setup_model()
        self.policy_kwargs = asked  # what a zip holds
        self.actions = CONTINUOUS
        if isinstance(self.policy, CategoricalPolicy):
            smoothing = smoothing_of(self.target_entropy, math.prod(self.policy.factors))
            self.actions = Discrete(self.policy.factors, smoothing)
        policy, learning_rate = self.policy, self.lr_schedule(1)
        # Updates and checkpoints have strong types. With a weak type here, everything would be compiled again.
        policy.actor_state, policy.qf_state, self.ent_coef_state = (
            with_known_functions(
                jax.tree.map(lambda leaf: jnp.array(leaf, jnp.result_type(leaf)), state), network, learning_rate
            )
            for state, network in (
                (policy.actor_state, policy.actor),
                (policy.qf_state, policy.qf),
                (self.ent_coef_state, self.ent_coef),
            )
        )
        self.batch_rng = np.random.default_rng(self.seed)
        # A copy, since updates donate their arguments, and one buffer cannot be donated twice.
        self.average_actor = jax.tree.map(jnp.array, policy.actor_state.params)

    def learn_from(
        self,
        replay: DemonstrationReplay,
        *,
        share: float,
        cloning_weight: float,
        best_episodes: int = 0,
        mean_matching: float = 0.0,
        schedule: Schedule = AT_ONCE,
    ) -> None:
        """Take demonstrations to replay and to clone from the next update on.

        Args:
            replay: The demonstrations.
            share: Share of demonstrated rows among the critic rows of a batch.
            cloning_weight: c of the cloning term in the actor's loss.
            best_episodes: Largest number of the agent's own episodes that are cloned too.
            mean_matching: β of ``MeanMatching``.
            schedule: The updates at which the actor begins to follow its critics.
        """
        super().learn_from(
            replay,
            share=share,
            cloning_weight=cloning_weight,
            best_episodes=best_episodes,
            mean_matching=mean_matching,
        )
        self.schedule = schedule

    def extra_state(self) -> tuple[Any, ...]:
        """Return the state that a subclass has beside that of SAC, as trees of arrays for the checkpoint."""
        return ()

    def load_extra_state(self, extra: tuple[Any, ...]) -> None:
        """Take back what ``extra_state`` returned."""

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "schedule", "actions"]

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Return the same actions as sbx, bit for bit, with one call into JAX instead of three."""
        if deterministic:
            actions, state = super().predict(observation, state, episode_start, deterministic=True)
            return actions, state
        policy = self.policy
        observation, batched = policy.prepare_obs(observation)
        drawn, policy.key = _drawn(policy.actor_state.apply_fn, policy.actor_state.params, observation, policy.key)
        if isinstance(policy, CategoricalPolicy):
            actions = policy.chosen(drawn)
        else:
            actions = policy.unscale_action(np.clip(drawn, -1.0, 1.0).reshape(-1, *(self.action_space.shape or ())))
        return actions if batched else actions[0], state

    def train(self, gradient_steps: int, batch_size: int) -> None:
        """Do ``gradient_steps`` updates on batches of ``batch_size`` rows, demonstrated rows included."""
        policy = self.policy
        learner = LearnerState(
            policy.actor_state,
            policy.qf_state,
            self.ent_coef_state,
            self.average_actor,
            self.key,
            jnp.asarray(self._n_updates, jnp.int32),
        )
        learner, losses = self.learn_from_batches(
            learner,
            self._batches(gradient_steps, batch_size),
            Settings(
                self.tau,
                self.target_entropy,
                self.backup_entropy,
                self.cloning_weight if self.demonstrations is not None and self.demonstrations.has_actions else 0.0,
                Schedule(*map(float, self.schedule)),
            ),
        )
        policy.actor_state, policy.qf_state, self.ent_coef_state, self.average_actor, self.key, _ = learner
        self._n_updates += gradient_steps
        self.losses = losses  # read only when they are logged, so that no update waits for the device

    def learn_from_batches(self, learner: LearnerState, batches: Batch[Any], settings: Settings) -> Any:
        """Do one update for each leading row of the batches; return the new state and the losses of the last one."""
        return _updates(learner, batches, settings, self.actions)

    def _batches(self, steps: int, batch_size: int) -> Batch[Any]:
        drawn = self.draw(steps, batch_size)
        if not drawn.clone_obs.shape[1]:  # a row of the agent, weighted by zero, since the mean of no rows would be NaN
            drawn = drawn._replace(
                clone_obs=drawn.obs[:, :1], clone_act=drawn.act[:, :1], clone_own=np.ones_like(drawn.reward[:, :1])
            )
        return drawn


@partial(jax.jit, static_argnums=0)
def _drawn(apply_fn: Any, params: Any, obs: Any, key: Any) -> tuple[Any, Any]:
    """Return actions of the policy, in [-1, 1], and the random key for the next ones."""
    key, now_key = jax.random.split(key)
    return apply_fn(params, obs).sample(seed=now_key), key


@partial(jax.jit, donate_argnums=0, static_argnums=3)
def _updates(
    learner: LearnerState, batches: Batch[Any], settings: Settings, actions: Actions = CONTINUOUS
) -> tuple[LearnerState, Losses]:
    """Do one update for each leading row of ``batches``; return the new state and the losses of the last one."""

    def step(learner: LearnerState, batch: Batch[Any]) -> tuple[LearnerState, Losses]:
        return update(learner, batch, settings, actions)

    learner, losses = jax.lax.scan(step, learner, batches)
    return learner, jax.tree.map(lambda loss: loss[-1], losses)


def update(
    learner: LearnerState, batch: Batch[Any], settings: Settings, actions: Actions = CONTINUOUS
) -> tuple[LearnerState, Losses]:
    """Update critics, targets, actor and entropy coefficient once (Haarnoja et al. 2018, arXiv 1812.05905)."""
    actor, critic, entropy = learner.actor, learner.critic, learner.entropy
    key, next_key, now_key = jax.random.split(learner.key, 3)
    alpha = entropy.apply_fn({"params": entropy.params})
    # The critics' part in the actor's loss: 0 while they are young, then growing to 1.
    starts, ramp = settings.schedule
    share = jnp.clip((learner.updates + 1.0 - starts) / jnp.maximum(ramp, 1.0), 0.0, 1.0)

    next_q, next_log_prob = actions.outlook(actor, actor.params, critic, critic.target_params, batch.next_obs, next_key)
    next_value = next_q - jnp.where(settings.backup_entropy, alpha * next_log_prob, 0.0)
    target = batch.reward + (1.0 - batch.done) * batch.discount * next_value

    def critic_loss(params: Any) -> tuple[Any, Any]:
        q = actions.taken(critic, params, batch.obs, batch.act)
        return 0.5 * ((q - target) ** 2).mean(axis=1).sum(), q.mean()

    (critic_value, q_mean), gradient = jax.value_and_grad(critic_loss, has_aux=True)(critic.params)
    critic = critic.apply_gradients(grads=gradient)
    critic = critic.replace(target_params=optax.incremental_update(critic.params, critic.target_params, settings.tau))

    def actor_loss(params: Any) -> tuple[Any, tuple[Any, Any]]:
        q, log_prob = actions.outlook(actor, params, critic, critic.params, batch.obs, now_key)
        cloning = actions.cloning(actor, params, critic, critic.params, batch)
        weight = settings.cloning_weight * (1.0 + 0.1 * jax.lax.stop_gradient(jnp.abs(q)).mean())
        return share * (alpha * log_prob - q).mean() + weight * cloning, (log_prob.mean(), cloning)

    (actor_value, (log_prob, cloning)), gradient = jax.value_and_grad(actor_loss, has_aux=True)(actor.params)
    actor = actor.apply_gradients(grads=gradient)

    def entropy_loss(params: Any) -> Any:
        # The loss is linear in the logarithm of the coefficient, as in sbx and in the authors' code.
        return share * jnp.log(entropy.apply_fn({"params": params})) * (-log_prob - settings.target_entropy)

    entropy = entropy.apply_gradients(grads=jax.grad(entropy_loss)(entropy.params))
    average = optax.incremental_update(actor.params, learner.average, AVERAGING)
    learner = LearnerState(actor, critic, entropy, average, key, learner.updates + 1)
    return learner, Losses(critic_value, actor_value, cloning, alpha, q_mean)
