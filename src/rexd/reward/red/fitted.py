"""What RED learns: networks that were distilled on the demonstrations, and the scale that makes a reward of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rexd.reward.calibration import Calibration
from rexd.reward.choices import Shape
from rexd.reward.encoder import Encoder
from rexd.reward.red.fitting import Networks
from rexd.reward.red.networks import BLOCK_IMAGES, BLOCK_ROWS, squared_error
from rexd.reward.rows import Float32, Rows
from rexd.reward.shapes import reward_of


@dataclass(frozen=True, eq=False)
class Distilled:
    """Targets and the predictors that were distilled from them; their difference is the novelty.

    Attributes:
        encoder: Gives the networks their inputs.
        target: Fixed random networks, one for each fold.
        predictor: Networks that imitate the targets on the demonstrations, one for each fold.
    """

    encoder: Encoder
    target: Networks
    predictor: Networks

    @property
    def models(self) -> int:
        """The number of pairs of networks."""
        return self.target.models

    def novelty(self, rows: Rows) -> Float32:
        """Return the error L of each row, averaged over the pairs of networks: (batch,) float32.

        Raises:
            SpaceMismatchError: The rows do not fit the encoder.
        """
        self.encoder.columns.check(rows)
        out = np.empty(len(rows), np.float32)
        size = BLOCK_IMAGES if self.encoder.columns.image else BLOCK_ROWS
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            out[block] = self.novelty_of_inputs(self.encoder.standardise(self.encoder.raw(rows[block]))).numpy()
        return out

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return L of standardised inputs, differentiable in them: (batch, C) -> (batch,)."""
        return squared_error(self.target, self.predictor, x.expand(self.models, -1, -1)).mean(dim=0)


@dataclass(frozen=True, eq=False)
class FittedRED(Distilled):
    """A reward: the novelty, and the decreasing map from novelty to reward.

    Attributes:
        shape: The form of the map (``rexd.reward.shapes``).
        sigma: Bandwidth σ of the map.
        calibration: Errors on known rows, of which the map needs the anchor L₀.
    """

    shape: Shape
    sigma: float
    calibration: Calibration

    def reward_of_novelty(self, novelty: Float32) -> Float32:
        """Apply the calibrated map to errors: (batch,) -> (batch,) float32 in [0, 1]."""
        return reward_of(torch.from_numpy(novelty), self.shape, self.sigma, self.calibration.anchor).numpy()
