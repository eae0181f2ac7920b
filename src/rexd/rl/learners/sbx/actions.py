"""What an update of SAC has to know of actions: what a policy is worth, what an action is worth, and cloning.

Continuous actions are sampled. Discrete ones are few, so that the update takes exact expectations over all of them
(Christodoulou 2019, arXiv 1910.07207): the critics give the values Q(s, ·) of all actions at once. Several choices at
the same time (``MultiDiscrete``, ``MultiBinary``) have logits of their own each, and the critics value all of their
combinations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax.training.train_state import TrainState
from numpy.typing import NDArray


class Actions(Protocol):
    """The part of an update that depends on the kind of actions. Updates are compiled for each value of it."""

    def outlook(
        self, actor: TrainState, params: Any, critic: TrainState, critic_params: Any, obs: Any, key: Any
    ) -> Any:
        """Return what following a policy is worth, and the logarithm of its probabilities, (batch,) each.

        Args:
            actor: The network of the policy.
            params: Its weights.
            critic: The network of the critics.
            critic_params: Their weights; the smallest of their values counts.
            obs: (batch, D) observations.
            key: The random key of samples.
        """
        ...

    def taken(self, critic: TrainState, params: Any, obs: Any, act: Any) -> Any:
        """Return what each critic says that actions (batch, A) are worth: (critics, batch)."""
        ...

    def cloning(self, actor: TrainState, params: Any, obs: Any, act: Any) -> Any:
        """Return how far a policy is from having taken the actions (batch, A)."""
        ...


@dataclass(frozen=True)
class Continuous:
    """Actions scaled to [−1, 1], sampled from the policy. Cloning is the mean squared error of its mode."""

    def outlook(
        self, actor: TrainState, params: Any, critic: TrainState, critic_params: Any, obs: Any, key: Any
    ) -> Any:
        """Return the value and the log-probability of one sample in each state."""
        ahead = actor.apply_fn(params, obs)
        act = ahead.sample(seed=key)
        return critic.apply_fn(critic_params, obs, act).min(axis=0)[:, 0], ahead.log_prob(act)

    def taken(self, critic: TrainState, params: Any, obs: Any, act: Any) -> Any:
        """Return the values of the actions."""
        return critic.apply_fn(params, obs, act)[..., 0]

    def cloning(self, actor: TrainState, params: Any, obs: Any, act: Any) -> Any:
        """Return the mean squared error of the modes."""
        return ((actor.apply_fn(params, obs).mode() - act) ** 2).mean()


CONTINUOUS = Continuous()


@dataclass(frozen=True)
class Discrete:
    """Actions in one-hot columns. Cloning is the cross-entropy with labels that leave room for exploration.

    Attributes:
        factors: Number of options of each choice.
        smoothing: Share of a label that is spread over all actions, so that a perfect clone still explores.
    """

    factors: tuple[int, ...]
    smoothing: float

    def outlook(
        self, actor: TrainState, params: Any, critic: TrainState, critic_params: Any, obs: Any, key: Any
    ) -> Any:
        """Return the expected value and the expected log-probability over all actions."""
        log_probs = _log_probs(actor, params, obs)
        probs = jnp.exp(log_probs)
        values = critic.apply_fn(critic_params, obs).min(axis=0)
        return (probs * values).sum(axis=-1), (probs * log_probs).sum(axis=-1)

    def taken(self, critic: TrainState, params: Any, obs: Any, act: Any) -> Any:
        """Return the values of the actions."""
        return (critic.apply_fn(params, obs) * self._labels(act)).sum(axis=-1)

    def cloning(self, actor: TrainState, params: Any, obs: Any, act: Any) -> Any:
        """Return the cross-entropy with the smoothed labels."""
        log_probs = _log_probs(actor, params, obs)
        labels = (1.0 - self.smoothing) * self._labels(act) + self.smoothing / log_probs.shape[-1]
        return -(labels * log_probs).sum(axis=-1).mean()

    def _labels(self, act: Any) -> Any:
        """Return one-hot columns of the combinations of choices: (..., columns) -> (..., J)."""
        if len(self.factors) == 1:
            return act
        return (act @ combinations(self.factors) > len(self.factors) - 0.5).astype(act.dtype)


def _log_probs(actor: TrainState, params: Any, obs: Any) -> Any:
    return jax.nn.log_softmax(actor.apply_fn(params, obs).logits)


def combinations(factors: tuple[int, ...]) -> NDArray[np.float32]:
    """Return which options each combination of choices has: (columns, J), 1 where it has the option, else 0.

    Logits of options times this matrix are logits of combinations. These are in the order of ``np.ravel_multi_index``.
    """
    chosen = np.indices(factors).reshape(len(factors), -1)
    return np.concatenate([np.eye(n, dtype=np.float32)[:, row] for n, row in zip(factors, chosen, strict=True)])


def smoothing_of(entropy: float, count: int) -> float:
    """Return the smoothing with which labels of ``count`` actions have an entropy, in nats, at most that of chance."""

    def found(smoothing: float) -> float:
        labels = jnp.full(count, smoothing / count).at[0].add(1.0 - smoothing)
        return float(jnp.where(labels > 0.0, -labels * jnp.log(labels), 0.0).sum())

    return _solved(found, entropy, 0.0, 1.0)


def scaling_to(entropy: float, logits: Any) -> float:
    """Return the factor of logits (N, J) with which their mean entropy is ``entropy``, in nats; it is at most 100."""

    def found(logarithm: float) -> float:
        log_probs = jax.nn.log_softmax(logits * jnp.exp(-logarithm))
        return -float((jnp.exp(log_probs) * log_probs).sum(axis=-1).mean())

    return math.exp(-_solved(found, entropy, -math.log(100.0), math.log(1e6)))


def _solved(rising: Callable[[float], float], value: float, low: float, high: float) -> float:
    """Return where a function that rises has a value, or the nearer end of the interval."""
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return (low + high) / 2.0
