"""The contract of every reward model; wrappers, training and relabelling know nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations

Float32 = NDArray[np.float32]


class RewardModel(ABC):
    """A reward learnt from demonstrations alone, fixed once it is fitted.

    Learned state has names that end in an underscore. ``predict`` before ``fit`` raises ``NotFittedError``.

    Attributes:
        clock: Whether ``novelty`` and ``predict`` take ``step`` too, the steps since an episode's start.
    """

    clock: bool = False

    @abstractmethod
    def fit(self, demonstrations: Demonstrations) -> Self:
        """Learn from the demonstrations; returns self."""

    @abstractmethod
    def novelty(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """How unlike the demonstrations each row is: 0 and more, without a unit.

        Args:
            obs: (batch, D) raw observations from before the step.
            act: (batch, A) continuous actions, or (batch,) integers for a discrete space; None for models of
                states alone.
            next_obs: (batch, D) observations after the step; needed by models on (s, s') alone.
            step: (batch,) steps since each row's episode began; for models with a ``clock`` alone, which take a
                typical one where it is not given.

        Returns:
            (batch,) float32.
        """

    @abstractmethod
    def predict(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None = None,
        next_obs: NDArray[Any] | None = None,
        step: NDArray[np.int64] | None = None,
    ) -> Float32:
        """The reward of each row, in [0, 1]; arguments and shape as in ``novelty``."""

    def predict_demonstrations(self, demonstrations: Demonstrations) -> Float32:
        """The rewards of demonstrated rows, in the order of ``demonstrations.transitions()``: (N,) float32.

        Replay pays demonstrations by the same reward as the agent. A control such as SQIL overrides this.
        """
        rows = demonstrations.transitions()
        return predict_at(self, rows.obs, rows.act, rows.next_obs, rows.step)

    @abstractmethod
    def save(self, path: str | Path) -> Path:
        """Write one ``.safetensors`` file, atomically."""


def predict_at(
    model: RewardModel, obs: NDArray[Any], act: NDArray[Any], next_obs: NDArray[Any], step: NDArray[np.int64]
) -> Float32:
    """``predict`` of rows whose time is known; a model without a clock, or what resembles a model, is not told it."""
    if getattr(model, "clock", False):
        return model.predict(obs, act, next_obs, step)
    return model.predict(obs, act, next_obs)
