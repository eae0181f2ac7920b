"""The networks of discrete actions, as a policy for the SAC of sbx."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import numpy as np
import tensorflow_probability.substrates.jax as tfp
from gymnasium.spaces import Space
from numpy.typing import NDArray
from sbx.common.policies import VectorCritic
from sbx.sac.policies import SACPolicy

from rexd.demos.choices import factors_of
from rexd.demos.spaces import action_count
from rexd.rl.learners.sbx.actions import combinations
from rexd.rl.learners.sbx.compilation import made_at_once


class CategoricalActor(nn.Module):  # type: ignore[misc]
    """The distribution over all actions; several choices at the same time have logits of their own each."""

    factors: tuple[int, ...]
    net_arch: Sequence[int]
    activation_fn: Callable[[Any], Any] = nn.relu

    @nn.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        """(batch, D) -> a categorical distribution of (batch,) combinations of choices."""
        for width in self.net_arch:
            x = self.activation_fn(nn.Dense(width)(x))
        logits = nn.Dense(sum(self.factors))(x)
        if len(self.factors) > 1:
            logits = logits @ combinations(self.factors)
        return tfp.distributions.Categorical(logits=logits)


class ActionValues(VectorCritic):  # type: ignore[misc]
    """Critics that give the values of all actions at once, with the layers of those of sbx."""

    def __call__(self, obs: Any, action: Any = None) -> Any:
        """(batch, D) -> (critics, batch, J); sbx gives an action when it makes the weights, which is not looked at."""
        return super().__call__(obs, obs[:, :0])


class CategoricalPolicy(SACPolicy):  # type: ignore[misc]
    """The policy of sbx's SAC for Discrete, MultiDiscrete and MultiBinary actions.

    A saved zip refers to this class by its name, so that ``sbx.SAC.load`` needs rexd to be installed.
    """

    def __init__(self, observation_space: Space[Any], action_space: Space[Any], *args: Any, **settings: Any) -> None:
        """Make the networks for the number of actions, with the settings of sbx's policy."""
        count = action_count(action_space, "the environment")
        assert count is not None
        self.factors = factors_of(count)
        super().__init__(
            observation_space,
            action_space,
            *args,
            **settings,
            actor_class=made_at_once(self._actor),
            vector_critic_class=made_at_once(self._critics),
        )

    def _actor(self, action_dim: int, **settings: Any) -> CategoricalActor:
        return CategoricalActor(self.factors, **settings)

    def _critics(self, **settings: Any) -> ActionValues:
        return ActionValues(output_dim=int(np.prod(self.factors)), **settings)

    def _predict(self, observation: NDArray[Any], deterministic: bool = False) -> NDArray[Any]:
        return self.chosen(super()._predict(observation, deterministic))

    def chosen(self, combinations_drawn: Any) -> NDArray[Any]:
        """Return the actions of combinations (batch,): integers (batch,), or (batch, k) for k choices."""
        drawn = np.array(combinations_drawn)
        return np.stack(np.unravel_index(drawn, self.factors), axis=-1).reshape(-1, *self.action_space.shape)
