"""Observations standardised by the statistics of the demonstrations, and the way back to raw ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations

Float32 = NDArray[np.float32]
SMALLEST_STD = 1e-3
MEAN, STD = "scale.mean", "scale.std"  # the names of the arrays in a checkpoint


@dataclass(frozen=True, eq=False)
class ObservationScale:
    """The map (o − mean) / std, which is fixed before training. The learner sees its results and nothing else.

    Without it, a few hundred demonstrated transitions teach next to nothing on HalfCheetah (docs/lab/learner.md).
    Columns that hardly ever vary are centred and not scaled.

    Attributes:
        mean: (D,) float32.
        std: (D,) float32, positive.
    """

    mean: Float32
    std: Float32

    @classmethod
    def of(cls, *demonstrations: Demonstrations) -> Self:
        """Take the statistics of the demonstrated observations."""
        obs = np.concatenate([each.transitions().obs for each in demonstrations]).astype(np.float64)
        mean, std = obs.mean(axis=0), obs.std(axis=0)
        return cls(mean.astype(np.float32), np.where(std < SMALLEST_STD, 1.0, std).astype(np.float32))

    def at_least(self, std: NDArray[np.floating]) -> Self:
        """Return the scale with these standard deviations, (D,), wherever its own are smaller."""
        return replace(self, std=np.maximum(self.std, std).astype(np.float32))

    def arrays(self) -> dict[str, Float32]:
        """Return the scale as arrays by name, for a checkpoint."""
        return {MEAN: self.mean, STD: self.std}

    def with_indicator(self) -> Self:
        """Return the scale for one more column at the end, the mark of absorbing states, which it leaves as it is."""
        return replace(self, mean=np.append(self.mean, np.float32(0)), std=np.append(self.std, np.float32(1)))

    def apply(self, obs: NDArray[np.floating]) -> Float32:
        """Standardise raw observations: (..., D) -> (..., D) float32."""
        return ((obs - self.mean) / self.std).astype(np.float32)

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Rewrite a first layer for standardised observations to take raw ones: (out, D), (out,)."""
        folded = weight.double() / torch.from_numpy(self.std).double()
        return folded.float(), (bias.double() - folded @ torch.from_numpy(self.mean).double()).float()

    def unfold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Rewrite a first layer for raw observations to take standardised ones; the inverse of ``fold``."""
        restored = bias.double() + weight.double() @ torch.from_numpy(self.mean).double()
        return (weight.double() * torch.from_numpy(self.std).double()).float(), restored.float()
