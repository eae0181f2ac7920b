"""sbx SAC with demonstrations: symmetric replay and a cloning term in the actor's loss.

Half of every batch is drawn from the demonstrations, rewarded by the same reward model (symmetric sampling, Ball et
al. 2023, arXiv 2302.02948). The actor's loss is SAC's plus w · |mode π(s) − a|² on the demonstrated half, where the
weight w = c · (1 + 0.1 · mean|Q|) keeps step with the critic's scale. Without the replay, Hopper stands still; the
published failure of RED is the same (docs/training.md).

The actor begins as a clone of the demonstrations and only clones while its critics learn what it does; then they take
over little by little, held by the agent's own best episodes (``best_episodes``). Batch-normalised critics without
targets (CrossQ, arXiv 1902.05605) were as quick and lost again what they had gained (docs/experiments.md).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState
from numpy.typing import NDArray
from sbx import SAC
from sbx.common.type_aliases import RLTrainState

from rexd.rl.learners.sbx.compilation import with_known_functions
from rexd.rl.replay.batches import Batch, DemonstrationReplay, draw_batches
from rexd.rl.replay.best_episodes import BestEpisodes
from rexd.rl.replay.mean_matching import MeanMatching
from rexd.rl.wrappers.block_rewards import BlockRewardLearner

AVERAGING = 0.001  # of each update; the averaged actor is what evaluations play


class Learner(NamedTuple):
    """Everything that an update changes."""

    actor: TrainState
    critic: RLTrainState
    entropy: TrainState
    average: Any
    key: Any
    updates: Any


class Schedule(NamedTuple):
    """When the actor begins to follow its critics.

    Attributes:
        starts: Updates in which it only clones, while the critics learn.
        ramp: Updates after these over which their part in its loss grows from 0 to 1.
    """

    starts: float
    ramp: float


AT_ONCE = Schedule(0.0, 0.0)


class Settings(NamedTuple):
    """What an update is told.

    Attributes:
        tau: Part of the critics that their targets take over.
        target_entropy: Of the policy, in nats.
        backup_entropy: Whether the entropy of what comes next is part of the critics' targets.
        cloning_weight: c of the cloning term.
        schedule: When the actor begins to follow its critics.
    """

    tau: float
    target_entropy: float
    backup_entropy: bool
    cloning_weight: float
    schedule: Schedule


class Losses(NamedTuple):
    """What an update reports."""

    critic: Any
    actor: Any
    cloning: Any
    entropy_coefficient: Any
    q_mean: Any


class DemonstrationSAC(BlockRewardLearner, SAC):  # type: ignore[misc]
    """SAC of sbx whose updates also see demonstrations; without them it is sbx's SAC with its own update."""

    demonstrations: DemonstrationReplay | None = None
    demonstration_share: float = 0.5
    cloning_weight: float = 1.0
    backup_entropy: bool = True
    n_step: int = 1
    best: BestEpisodes = BestEpisodes(0)
    matching: MeanMatching | None = None
    schedule: Schedule = AT_ONCE
    losses: Any = None  # Losses of the last update
    discriminator: Any = None  # of the extension in ``dac_jax``
    ent_coef_state: TrainState
    average_actor: Any
    key: Any
    batch_rng: np.random.Generator

    def _setup_model(self) -> None:
        super()._setup_model()
        policy, learning_rate = self.policy, self.lr_schedule(1)
        # strong types, as updates and checkpoints give them: a weak one would have all be compiled again
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
        # a copy: updates donate their arguments, and one buffer cannot be given away twice
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
        """Take the demonstrations to replay and to clone from the next update on.

        Args:
            replay: The demonstrations.
            share: Theirs of each batch.
            cloning_weight: c of the cloning term.
            best_episodes: Most of the agent's own that are cloned too.
            mean_matching: β of ``MeanMatching``.
            schedule: When the actor begins to follow its critics.
        """
        self.demonstrations = replay
        self.demonstration_share = share
        self.cloning_weight = cloning_weight
        self.best = BestEpisodes(best_episodes)
        self.matching = MeanMatching(mean_matching, replay)
        self.schedule = schedule

    def _excluded_save_params(self) -> list[str]:
        return [
            *super()._excluded_save_params(),
            "demonstrations",
            "best",
            "matching",
            "schedule",
            "losses",
            "batch_rng",
            "average_actor",
        ]

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Actions as sbx draws them, to the bit; with one call into JAX for its three, in a seventh of the time."""
        if deterministic:
            actions, state = super().predict(observation, state, episode_start, deterministic=True)
            return actions, state
        policy = self.policy
        observation, batched = policy.prepare_obs(observation)
        drawn, policy.key = _drawn(policy.actor_state.apply_fn, policy.actor_state.params, observation, policy.key)
        actions = policy.unscale_action(np.clip(drawn, -1.0, 1.0).reshape(-1, *self.action_space.shape))
        return actions if batched else actions[0], state

    def train(self, gradient_steps: int, batch_size: int) -> None:
        """Do ``gradient_steps`` updates of ``batch_size`` rows, demonstrations included."""
        policy = self.policy
        learner = Learner(
            policy.actor_state,
            policy.qf_state,
            self.ent_coef_state,
            self.average_actor,
            self.key,
            jnp.asarray(self._n_updates, jnp.int32),
        )
        learner, losses = self._learn_from_batches(
            learner,
            self._batches(gradient_steps, batch_size),
            Settings(
                self.tau,
                self.target_entropy,
                self.backup_entropy,
                self.cloning_weight if self.demonstrations is not None else 0.0,
                Schedule(*map(float, self.schedule)),
            ),
        )
        policy.actor_state, policy.qf_state, self.ent_coef_state, self.average_actor, self.key, _ = learner
        self._n_updates += gradient_steps
        self.losses = losses  # read by the training callback when it logs, so that no update waits for the device

    def _learn_from_batches(self, learner: Learner, batches: Batch[Any], settings: Settings) -> Any:
        """Do one update for each leading row, and return what ``_updates`` does; ``dac_jax`` has its own."""
        return _updates(learner, batches, settings)

    def _batches(self, steps: int, batch_size: int) -> Batch[Any]:
        assert self.replay_buffer is not None
        drawn = draw_batches(
            self.replay_buffer,
            self.demonstrations,
            self.batch_rng,
            steps=steps,
            batch_size=batch_size,
            share=self.demonstration_share,
            discount=self.gamma,
            n_step=self.n_step,
            best=self.best,
            matching=self.matching,
        )
        if self.demonstrations is None:  # a row of the agent's, weighted by zero: the mean of no rows would be NaN
            drawn = drawn._replace(clone_obs=drawn.obs[:, :1], clone_act=drawn.act[:, :1])
        return drawn


@partial(jax.jit, static_argnums=0)
def _drawn(apply_fn: Any, params: Any, obs: Any, key: Any) -> tuple[Any, Any]:
    """Actions of the policy, in ±1, and the key for the next ones."""
    key, now_key = jax.random.split(key)
    return apply_fn(params, obs).sample(seed=now_key), key


@partial(jax.jit, donate_argnums=0)
def _updates(learner: Learner, batches: Batch[Any], settings: Settings) -> tuple[Learner, Losses]:
    """Run one update for each leading row of ``batches``."""

    def step(learner: Learner, batch: Batch[Any]) -> tuple[Learner, Losses]:
        return _update(learner, batch, settings)

    learner, losses = jax.lax.scan(step, learner, batches)
    return learner, jax.tree.map(lambda loss: loss[-1], losses)


def _update(learner: Learner, batch: Batch[Any], settings: Settings) -> tuple[Learner, Losses]:
    """One step of critic, target, actor and entropy coefficient (Haarnoja et al. 2018, arXiv 1812.05905)."""
    actor, critic, entropy = learner.actor, learner.critic, learner.entropy
    key, next_key, now_key = jax.random.split(learner.key, 3)
    alpha = entropy.apply_fn({"params": entropy.params})
    # 0 until the critics know what they are asked, then growing to 1
    starts, ramp = settings.schedule
    share = jnp.clip((learner.updates + 1.0 - starts) / jnp.maximum(ramp, 1.0), 0.0, 1.0)

    ahead = actor.apply_fn(actor.params, batch.next_obs)
    next_act = ahead.sample(seed=next_key)
    next_q = critic.apply_fn(critic.target_params, batch.next_obs, next_act).min(axis=0)[:, 0]
    next_value = next_q - jnp.where(settings.backup_entropy, alpha * ahead.log_prob(next_act), 0.0)
    target = batch.reward + (1.0 - batch.done) * batch.discount * next_value

    def critic_loss(params: Any) -> tuple[Any, Any]:
        q = critic.apply_fn(params, batch.obs, batch.act)[..., 0]
        return 0.5 * ((q - target) ** 2).mean(axis=1).sum(), q.mean()

    (critic_value, q_mean), gradient = jax.value_and_grad(critic_loss, has_aux=True)(critic.params)
    critic = critic.apply_gradients(grads=gradient)
    critic = critic.replace(target_params=optax.incremental_update(critic.params, critic.target_params, settings.tau))

    def actor_loss(params: Any) -> tuple[Any, tuple[Any, Any]]:
        now = actor.apply_fn(params, batch.obs)
        act = now.sample(seed=now_key)
        log_prob = now.log_prob(act)
        q = critic.apply_fn(critic.params, batch.obs, act).min(axis=0)[:, 0]
        mode = actor.apply_fn(params, batch.clone_obs).mode()
        cloning = ((mode - batch.clone_act) ** 2).mean()
        weight = settings.cloning_weight * (1.0 + 0.1 * jax.lax.stop_gradient(jnp.abs(q)).mean())
        return share * (alpha * log_prob - q).mean() + weight * cloning, (log_prob.mean(), cloning)

    (actor_value, (log_prob, cloning)), gradient = jax.value_and_grad(actor_loss, has_aux=True)(actor.params)
    actor = actor.apply_gradients(grads=gradient)

    def entropy_loss(params: Any) -> Any:
        # sbx optimises the coefficient through its logarithm, as does the authors' code
        return share * jnp.log(entropy.apply_fn({"params": params})) * (-log_prob - settings.target_entropy)

    entropy = entropy.apply_gradients(grads=jax.grad(entropy_loss)(entropy.params))
    average = optax.incremental_update(actor.params, learner.average, AVERAGING)
    learner = Learner(actor, critic, entropy, average, key, learner.updates + 1)
    return learner, Losses(critic_value, actor_value, cloning, alpha, q_mean)
