"""What an estimator learns: a novelty of standardised inputs, and the scale that makes a reward of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rexd.reward.calibration import Calibration
from rexd.reward.choices import Shape
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.networks import BLOCK_IMAGES, BLOCK_ROWS
from rexd.reward.estimator.way import Way
from rexd.reward.rows import Float32, Rows
from rexd.reward.shapes import reward_of


@dataclass(frozen=True, eq=False)
class Novelty(ABC):
    """How unlike the demonstrations a row is.

    Attributes:
        encoder: Gives standardised inputs.
    """

    encoder: Encoder

    @abstractmethod
    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the error of standardised inputs, differentiable in them: (batch, C) -> (batch,)."""

    @abstractmethod
    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what was learnt, without the encoder, as plain JSON types and tensors for a reward file."""

    def inputs_of(self, rows: Rows) -> Tensor:
        """Return the standardised inputs of rows that fit the encoder: (batch, C)."""
        return self.encoder.standardise(self.encoder.raw(rows))

    def novelty(self, rows: Rows) -> Float32:
        """Return the error of each row: (batch,) float32.

        Raises:
            SpaceMismatchError: The rows do not fit the encoder.
        """
        self.encoder.columns.check(rows)
        out = np.empty(len(rows), np.float32)
        size = BLOCK_IMAGES if self.encoder.columns.image else BLOCK_ROWS
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            out[block] = self.novelty_of_inputs(self.inputs_of(rows[block])).numpy()
        return out


@dataclass(frozen=True, eq=False)
class Fitted:
    """A reward: the novelty, the decreasing map from novelty to reward, and the way that leads to the expert.

    Attributes:
        learnt: The novelty.
        shape: The form of the map (``rexd.reward.shapes``).
        sigma: Bandwidth σ of the map.
        calibration: Errors on known rows, of which the map needs the anchor L₀.
        way: The way from a beginner to the expert; None where the beginner is not known, or not far.
    """

    learnt: Novelty
    shape: Shape
    sigma: float
    calibration: Calibration
    way: Way | None = None

    @property
    def encoder(self) -> Encoder:
        """What gives standardised inputs."""
        return self.learnt.encoder

    def novelty(self, rows: Rows) -> Float32:
        """Return the error of each row: (batch,) float32."""
        return self.learnt.novelty(rows)

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the error of standardised inputs, differentiable in them: (batch, C) -> (batch,)."""
        return self.learnt.novelty_of_inputs(x)

    def reward_of_novelty(self, novelty: Float32) -> Float32:
        """Apply the calibrated map to errors: (batch,) -> (batch,) float32 in [0, 1]; the way is left out."""
        return self._of_novelty(torch.from_numpy(novelty)).numpy()

    def paid(self, rows: Rows, novelty: Float32) -> Float32:
        """Return the reward of rows whose errors (batch,) are known: (batch,) float32 in [0, 1]."""
        if self.way is None or not len(rows):
            return self.reward_of_novelty(novelty)
        blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, len(rows), BLOCK_ROWS)]
        return np.concatenate(
            [self.paid_inputs(self.learnt.inputs_of(rows[block]), novelty[block]) for block in blocks]
        )

    def paid_inputs(self, x: Tensor, novelty: Float32) -> Float32:
        """Return the reward of standardised inputs (batch, C) whose errors (batch,) are known: (batch,) float32."""
        return self.reward_of_inputs(x, torch.from_numpy(novelty)).numpy()

    def reward_of_inputs(self, x: Tensor, novelty: Tensor) -> Tensor:
        """Return the reward of standardised inputs (batch, C) and their errors (batch,): (batch,) in [0, 1]."""
        reward = self._of_novelty(novelty)
        return reward if self.way is None else self.way.paid(x, reward)

    def _of_novelty(self, novelty: Tensor) -> Tensor:
        return reward_of(novelty, self.shape, self.sigma, self.calibration.anchor, self.calibration.near)
