"""Discriminator-actor-critic on ``DemonstrationSAC``: a reward that is learnt against the agent, beside its critics.

Kostrikov et al. 2019, arXiv 1809.02925: a discriminator D tells demonstrated rows (s, a) from replayed ones of the
agent, and its logit is the reward of every row that an update draws, as D stands at that update:

    min  E_agent softplus(D) + E_shown softplus(−D) + 10 · E (|∇D(x)| − 1)²,  x between an agent's and a shown row
    r(s, a) = D(s, a) = log p − log(1 − p),  p = sigmoid(D) the probability of having been shown

The logit is of either sign, so that an end worth nothing would pay an agent with negative rewards for ending early. As
in the paper, a terminal state is therefore followed by an absorbing one for ever, of which D learns too, one row for
each end. Its value D / (1 − γ) is added in closed form, so that no environment steps are spent in it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from rexd.rl.learners.sbx.sac import DemonstrationSAC, Learner, Settings, _update
from rexd.rl.replay.batches import Batch

HIDDEN = (256, 256)  # with tanh and orthogonal weights, as in the authors' code
LEARNING_RATE = 1e-3  # of Adam, likewise
# Of the absorbing state, in standard deviations; the paper's is 1. The penalty has logits fall by about 1 for each, so
# that at 1 the absorbing state, amid the demonstrations, was paid −0.1, an agent that fell −3, and Hopper fell at once.
MARK = 10.0
GRADIENT_PENALTY = 10.0  # as in the authors' code; Gulrajani et al. 2017, arXiv 1704.00028


class Discriminator(NamedTuple):
    """The network with its optimiser, and its random key."""

    network: TrainState
    key: Any


class Verdict(NamedTuple):
    """What an update of the discriminator reports: its loss without the penalty, and mean logits."""

    discriminator: Any
    gradient_penalty: Any
    agent_logit: Any
    shown_logit: Any
    absorbing_logit: Any


class AdversarialLosses(NamedTuple):
    """``Losses`` of SAC and the ``Verdict``, side by side."""

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


# one each for all models: what differs in them would have all be compiled again
_NETWORK = _Network()
_OPTIMISER = optax.adam(LEARNING_RATE)


class AdversarialSAC(DemonstrationSAC):
    """``DemonstrationSAC`` whose rewards are a discriminator's logits, those of demonstrated rows too.

    The rewards in the replay buffer and of ``learn_from`` are not read.
    """

    discriminator: Discriminator

    def _setup_model(self) -> None:
        super()._setup_model()
        columns = sum(space.shape[0] for space in (self.observation_space, self.action_space)) + 1
        self.key, init_key, key = jax.random.split(self.key, 3)
        state = TrainState.create(
            apply_fn=_NETWORK.apply,
            params=_NETWORK.init(init_key, jnp.zeros((1, columns))),
            tx=_OPTIMISER,
        )
        self.discriminator = Discriminator(jax.tree.map(jnp.array, state), key)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "discriminator"]

    def _learn_from_batches(
        self, learner: Learner, batches: Batch[Any], settings: Settings
    ) -> tuple[Learner, AdversarialLosses]:
        assert self.demonstrations is not None
        rows = batches.obs.shape[1]
        learner, self.discriminator, losses = _updates(
            learner,
            self.discriminator,
            batches,
            float(self.demonstrations.done.mean()),
            # the agent's rows stand first, and half a batch of demonstrated ones is drawn to be cloned
            min(rows - round(self.demonstration_share * rows), batches.clone_obs.shape[1]),
            settings,
        )
        return learner, losses


@partial(jax.jit, donate_argnums=(0, 1), static_argnums=4)
def _updates(
    learner: Learner,
    discriminator: Discriminator,
    batches: Batch[Any],
    shown_ends: float,
    pairs: int,
    settings: Settings,
) -> tuple[Learner, Discriminator, AdversarialLosses]:
    """For each leading row of ``batches``, update the discriminator, and with its rewards the learner."""

    def step(
        carry: tuple[Learner, Discriminator], batch: Batch[Any]
    ) -> tuple[tuple[Learner, Discriminator], AdversarialLosses]:
        learner, discriminator = carry
        discriminator, verdict = _discriminate(discriminator, batch, shown_ends, pairs)
        batch = batch._replace(reward=_rewards(discriminator.network, batch))
        learner, losses = _update(learner, batch, settings)
        return (learner, discriminator), AdversarialLosses(*losses, *verdict)

    (learner, discriminator), losses = jax.lax.scan(step, (learner, discriminator), batches)
    return learner, discriminator, jax.tree.map(lambda loss: loss[-1], losses)


def _discriminate(
    discriminator: Discriminator, batch: Batch[Any], shown_ends: float, pairs: int
) -> tuple[Discriminator, Verdict]:
    """One step of Adam on binary cross-entropy with a gradient penalty.

    Args:
        discriminator: What is updated.
        batch: Its first ``pairs`` critic rows are the agent's; those to clone are demonstrated.
        shown_ends: Share of demonstrated rows that end in a terminal state.
        pairs: Rows of each kind.
    """
    agent = _inputs(batch.obs[:pairs], batch.act[:pairs])
    shown = _inputs(batch.clone_obs[:pairs], batch.clone_act[:pairs])
    absorbing = jnp.zeros_like(agent[:1]).at[:, -1].set(MARK)
    agent_ends = batch.done[:pairs].mean()
    weight = agent_ends + shown_ends  # of the absorbing row among the pairs: one for each end
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
        steepness = jnp.sqrt((slopes**2).sum(axis=1) + 1e-12)  # whose own slope is finite even at 0
        penalties = (steepness - 1.0) ** 2
        penalty = _mean(penalties[:-1], penalties[-1], weight)
        return loss + GRADIENT_PENALTY * penalty, Verdict(loss, penalty, of_agent.mean(), of_shown.mean(), of_absorbing)

    gradient, verdict = jax.grad(loss_of, has_aux=True)(network.params)
    return Discriminator(network.apply_gradients(grads=gradient), key), verdict


def _rewards(network: TrainState, batch: Batch[Any]) -> Any:
    """The logit of each critic row; where it ends, with the value of the absorbing state that follows."""
    rows = _inputs(batch.obs, batch.act)
    absorbing = jnp.zeros_like(rows[:1]).at[:, -1].set(MARK)
    logits = network.apply_fn(network.params, jnp.concatenate([rows, absorbing]))
    return logits[:-1] + batch.done * batch.discount / (1.0 - batch.discount) * logits[-1]


def _inputs(obs: Any, act: Any) -> Any:
    """(s, a, 0): the last column marks the absorbing state, (0, 0, MARK)."""
    return jnp.concatenate([obs, act, jnp.zeros_like(obs[:, :1])], axis=1)


def _mean(values: Any, extra: Any, weight: Any) -> Any:
    """The mean of (N,) values and of one more, which counts ``weight`` times as much as all of them."""
    return (values.mean() + weight * extra) / (1.0 + weight)
