"""The contract of every reward model; wrappers, learners and evaluation know nothing else of a reward."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.reward.rows import Float32, Rows

InOrder = Callable[[Rows, NDArray[np.int64]], Float32]
"""Scores rows of running episodes: what ``RewardModel.in_order`` returns."""


class RewardModel(ABC):
    """A reward that is learnt from demonstrations alone, and that is fixed once it is fitted.

    Users call ``novelty`` and ``predict``; a reward model implements ``novelty_of`` and ``reward_of``. Learned state
    has names that end in an underscore. Before ``fit``, all of them raise ``NotFittedError``.

    Attributes:
        clock: Whether the model looks at ``step``, the number of steps since the start of an episode.
        stateful: Whether the reward of a row depends on the rows before it in its episode. Such a model is given the
            rows of an episode in order, with their ``step``, and ``in_order`` scores episodes as they go on.
        horizon: The number of steps over which returns count, where the demonstrations end in terminal states
            (``rexd.reward.ends``); None elsewhere, and before ``fit``.
        coverage: In which share of the observation's columns the demonstrations spread as widely as a beginner, so far
            as that is known (``rexd.reward.beginner``); demonstrations that hardly move are replayed less.
        far: Whether nearly all that a beginner meets lies apart from the demonstrations, so far as that is known
            (``rexd.reward.estimator.way``); they are then replayed less.
        climbs: Whether the reward also pays for the way from there to the demonstrations.
    """

    clock: bool = False
    stateful: bool = False
    horizon: int | None = None
    coverage: float = 1.0
    far: bool = False
    climbs: bool = False

    @abstractmethod
    def fit(self, demonstrations: Demonstrations) -> Self:
        """Learn from the demonstrations, and return self."""

    @abstractmethod
    def novelty_of(self, rows: Rows) -> Float32:
        """Return how unlike the demonstrations each row is: (batch,) float32, 0 or more, without a unit."""

    @abstractmethod
    def reward_of(self, rows: Rows) -> Float32:
        """Return the reward of each row: (batch,) float32 in [0, 1]."""

    @abstractmethod
    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.safetensors`` file, atomically."""

    def novelty(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """Return how unlike the demonstrations each transition is: 0 or more, without a unit.

        Args:
            obs: (batch, D) raw observations from before the step.
            act: (batch, A) continuous actions, or (batch,) integers of a discrete action space. Models of states
                alone do not need them.
            next_obs: (batch, D) observations from after the step. Models of (s, s') alone need them.
            step: (batch,) steps since the start of each row's episode. Models with a ``clock`` assume a typical time
                where it is not given; other models ignore it.

        Returns:
            (batch,) float32.
        """
        return self.novelty_of(Rows(obs, act, next_obs, step))

    def predict(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """Return the reward of each transition, (batch,) float32 in [0, 1]; the arguments are those of ``novelty``."""
        return self.reward_of(Rows(obs, act, next_obs, step))

    def in_order(self, environments: int) -> InOrder:
        """Return what scores the rows of running episodes, as wrappers see them.

        Args:
            environments: The number of environments whose episodes run at the same time.

        Returns:
            A function of rows, whose ``step`` is 0 where an episode begins, and of the number (batch,) of the
            environment of each row, that returns the rewards (batch,). The rows of one environment come in order.
        """
        return lambda rows, environment: predict_at(self, rows)

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """Return the reward of each demonstrated row, in the order of ``demonstrations.transitions()``: (N,) float32.

        Replayed demonstrations are paid by the same reward as the agent. A control such as SQIL overrides this.
        """
        return predict_at(self, Rows.of_transitions(demonstrations.transitions()))


def predict_at(model: RewardModel, rows: Rows) -> Float32:
    """Return ``model.predict`` of rows whose time is known.

    Anything with the ``predict`` of a reward model will do. A model without a ``clock`` is not told the time, so that
    its ``predict`` need not have that argument.
    """
    if getattr(model, "clock", False):
        return model.predict(rows.obs, rows.act, rows.next_obs, rows.step)
    return model.predict(rows.obs, rows.act, rows.next_obs)


def scorer(model: RewardModel, environments: int) -> InOrder:
    """Return ``model.in_order(environments)``; anything with the ``predict`` of a reward model will do."""
    if getattr(model, "stateful", False):
        return model.in_order(environments)
    return lambda rows, environment: predict_at(model, rows)
