"""Discriminator-actor-critic on ``DemonstrationSAC``: the reward is a discriminator that is trained against the agent.

In Kostrikov et al. 2019 (arXiv 1809.02925), a discriminator D learns to tell demonstrated rows (s, a) from replayed
rows of the agent. Its logit is the reward of every row that an update draws, with D as it is at that update:

    min  E_agent softplus(D) + E_demo softplus(−D) + 10 · E (|∇D(x)| − 1)²,  x between an agent's and a demonstrated row
    r(s, a) = D(s, a) = log p − log(1 − p),  where p = sigmoid(D) is the probability that the row is demonstrated

The logit may have either sign. If a terminal state were worth 0, an agent with negative rewards would therefore gain by
ending an episode early. As in the paper, a terminal state leads to an absorbing state instead, which lasts for ever. D
learns about it too, with one row for each terminal state. The value D / (1 − γ) of the absorbing state is added in
closed form, so that no environment steps are spent in it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from rexd.rl.learners.sbx.actions import Actions
from rexd.rl.learners.sbx.sac import DemonstrationSAC, LearnerState, Settings, update
from rexd.rl.replay.batches import Batch

HIDDEN = (256, 256)  # widths of the hidden layers, with tanh and orthogonal weights as in the authors' code
LEARNING_RATE = 1e-3  # step size of Adam, as in the authors' code
# Indicator of the absorbing state, in standard deviations; the paper has 1. Because of the gradient penalty, logits
# fall by about 1 for each standard deviation, so that an absorbing state with 1 lies too near the demonstrations, and
# ending an episode is rewarded more than stumbling (docs/methods.md).
MARK = 10.0
GRADIENT_PENALTY = 10.0  # as in the authors' code (Gulrajani et al. 2017, arXiv 1704.00028)


class Discriminator(NamedTuple):
    """The network of the discriminator with its optimiser, and its random key."""

    network: TrainState
    key: Any


class Verdict(NamedTuple):
    """The statistics of an update of the discriminator: its loss without the penalty, the penalty, and mean logits."""

    discriminator: Any
    gradient_penalty: Any
    agent_logit: Any
    shown_logit: Any
    absorbing_logit: Any


class AdversarialLosses(NamedTuple):
    """The ``Losses`` of SAC and the ``Verdict`` of the discriminator, in one tuple."""

    critic: Any
    actor: Any
    cloning: Any
    entropy_coefficient: Any
    q_mean: Any
    discriminator: Any
    gradient_penalty: Any
    agent_logit: Any
    shown_logit: Any
    absorbing_logit: Any


class _Network(nn.Module):  # type: ignore[misc]
    @nn.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        """(batch, D + A + 1) -> (batch,) logits."""
        for width in HIDDEN:
            x = nn.tanh(nn.Dense(width, kernel_init=nn.initializers.orthogonal())(x))
        return nn.Dense(1, kernel_init=nn.initializers.orthogonal())(x)[:, 0]


# All models share one network and one optimiser, since jax would compile everything again for others.
_NETWORK = _Network()
_OPTIMISER = optax.adam(LEARNING_RATE)


class AdversarialSAC(DemonstrationSAC):
    """``DemonstrationSAC`` whose rewards are the logits of a discriminator, for demonstrated rows too.

    The rewards in the replay buffer and in the demonstrations of ``learn_from`` are not used.
    """

    discriminator: Discriminator

    def _setup_model(self) -> None:
        super()._setup_model()
        columns = sum(array.shape[-1] for array in (self.replay_buffer.observations, self.replay_buffer.actions)) + 1
        self.key, init_key, key = jax.random.split(self.key, 3)
        state = TrainState.create(
            apply_fn=_NETWORK.apply,
            params=_NETWORK.init(init_key, jnp.zeros((1, columns))),
            tx=_OPTIMISER,
        )
        self.discriminator = Discriminator(jax.tree.map(jnp.array, state), key)

    def extra_state(self) -> tuple[Any, ...]:
        """Return the discriminator, its optimiser and its random key."""
        return (self.discriminator,)

    def load_extra_state(self, extra: tuple[Any, ...]) -> None:
        """Take back the discriminator."""
        (self.discriminator,) = extra

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "discriminator"]

    def learn_from_batches(
        self, learner: LearnerState, batches: Batch[Any], settings: Settings
    ) -> tuple[LearnerState, AdversarialLosses]:
        """Update the discriminator, and with its rewards SAC, once for each leading row of the batches."""
        assert self.demonstrations is not None
        rows = batches.obs.shape[1]
        learner, self.discriminator, losses = _updates(
            learner,
            self.discriminator,
            batches,
            float(self.demonstrations.done.mean()),
            # The agent's rows come first in a batch, and half a batch of demonstrated rows is drawn for cloning.
            min(rows - round(self.demonstration_share * rows), batches.clone_obs.shape[1]),
            settings,
            self.actions,
        )
        return learner, losses


@partial(jax.jit, donate_argnums=(0, 1), static_argnums=(4, 6))
def _updates(
    learner: LearnerState,
    discriminator: Discriminator,
    batches: Batch[Any],
    shown_ends: float,
    pairs: int,
    settings: Settings,
    actions: Actions,
) -> tuple[LearnerState, Discriminator, AdversarialLosses]:
    """Update the discriminator, and with its rewards the learner, once for each leading row of ``batches``."""

    def step(
        carry: tuple[LearnerState, Discriminator], batch: Batch[Any]
    ) -> tuple[tuple[LearnerState, Discriminator], AdversarialLosses]:
        learner, discriminator = carry
        discriminator, verdict = _discriminate(discriminator, batch, shown_ends, pairs)
        batch = batch._replace(reward=_rewards(discriminator.network, batch))
        learner, losses = update(learner, batch, settings, actions)
        return (learner, discriminator), AdversarialLosses(*losses, *verdict)

    (learner, discriminator), losses = jax.lax.scan(step, (learner, discriminator), batches)
    return learner, discriminator, jax.tree.map(lambda loss: loss[-1], losses)


def _discriminate(
    discriminator: Discriminator, batch: Batch[Any], shown_ends: float, pairs: int
) -> tuple[Discriminator, Verdict]:
    """Update the discriminator by one step of Adam on binary cross-entropy with a gradient penalty.

    Args:
        discriminator: The discriminator before the update.
        batch: A batch whose first ``pairs`` critic rows are the agent's, and whose first ``pairs`` rows to clone are
            demonstrated.
        shown_ends: Share of demonstrated rows that end in a terminal state.
        pairs: Number of rows of the agent, and of demonstrated rows.
    """
    agent = _inputs(batch.obs[:pairs], batch.act[:pairs])
    shown = _inputs(batch.clone_obs[:pairs], batch.clone_act[:pairs])
    absorbing = jnp.zeros_like(agent[:1]).at[:, -1].set(MARK)
    agent_ends = batch.done[:pairs].mean()
    weight = agent_ends + shown_ends  # the weight of the absorbing row: one row for each terminal state
    key, mix_key = jax.random.split(discriminator.key)
    mix = jax.random.uniform(mix_key, (pairs + 1, 1))
    between = mix * jnp.concatenate([agent, absorbing]) + (1.0 - mix) * jnp.concatenate([shown, shown[:1]])
    network = discriminator.network

    def loss_of(params: Any) -> tuple[Any, Verdict]:
        logits = network.apply_fn(params, jnp.concatenate([agent, shown, absorbing]))
        of_agent, of_shown, of_absorbing = logits[:pairs], logits[pairs:-1], logits[-1]
        loss = _mean(nn.softplus(of_agent), nn.softplus(of_absorbing), agent_ends)
        loss += _mean(nn.softplus(-of_shown), nn.softplus(-of_absorbing), shown_ends)
        slopes = jax.grad(lambda x: network.apply_fn(params, x).sum())(between)
        steepness = jnp.sqrt((slopes**2).sum(axis=1) + 1e-12)  # the small number keeps its own gradient finite at 0
        penalties = (steepness - 1.0) ** 2
        penalty = _mean(penalties[:-1], penalties[-1], weight)
        return loss + GRADIENT_PENALTY * penalty, Verdict(loss, penalty, of_agent.mean(), of_shown.mean(), of_absorbing)

    gradient, verdict = jax.grad(loss_of, has_aux=True)(network.params)
    return Discriminator(network.apply_gradients(grads=gradient), key), verdict


def _rewards(network: TrainState, batch: Batch[Any]) -> Any:
    """Return the logit of each critic row, with the value of the absorbing state added where a row is terminal."""
    rows = _inputs(batch.obs, batch.act)
    absorbing = jnp.zeros_like(rows[:1]).at[:, -1].set(MARK)
    logits = network.apply_fn(network.params, jnp.concatenate([rows, absorbing]))
    return logits[:-1] + batch.done * batch.discount / (1.0 - batch.discount) * logits[-1]


def _inputs(obs: Any, act: Any) -> Any:
    """Return the rows (s, a, 0). The last column is the indicator of the absorbing state, which is (0, 0, MARK)."""
    return jnp.concatenate([obs, act, jnp.zeros_like(obs[:, :1])], axis=1)


def _mean(values: Any, extra: Any, weight: Any) -> Any:
    """Return the mean of (N,) values and one more value, which counts ``weight`` times as much as all of them."""
    return (values.mean() + weight * extra) / (1.0 + weight)
