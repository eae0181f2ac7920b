"""The part of a row that the demonstrations do not span in feature space: support estimation by kernel PCA.

De Vito, Rosasco and Toigo, "Learning sets with separating kernels" (2014, arXiv 1204.3573), on which the theory of RED
stands. With φ the features of a kernel for which |φ(x)| = 1, and P the projection onto the principal directions of the
demonstrations' features, the error is 1 − |P φ(x)|²: 0 within their span, and 1 far from all of them. The kernel is
Gaussian, exp(−|x − y|² / 2h²), with h the median distance of two demonstrated rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rexd.progress import Progress
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.fitted import Novelty
from rexd.reward.estimator.given import EncodedRows
from rexd.reward.estimator.serialise import take
from rexd.reward.rivals.rival import Rival, RivalNovelty
from rexd.reward.rivals.settings import KernelPCAConfig
from rexd.reward.rows import Float32

PAIRS = 1000  # rows whose distances give the bandwidth
LEAST = 1e-6  # eigenvalues below this share of the largest are rounding


@dataclass(frozen=True, eq=False)
class Span(RivalNovelty):
    """The principal directions of the demonstrations' features, one set for each fold.

    Attributes:
        encoder: Gives standardised inputs.
        landmarks: (M, C) float32, the rows that span the directions.
        directions: (n_models, M, K) float32, the directions in terms of the landmarks; those of the own fold count 0.
        bandwidth: h of the kernel.
    """

    landmarks: Tensor
    directions: Tensor
    bandwidth: float

    def by_model(self, x: Tensor) -> Tensor:
        """Return the error by each model: (batch, C) -> (n_models, batch)."""
        held = gaussian(x, self.landmarks, self.bandwidth) @ self.directions  # (n_models, batch, K)
        return (1.0 - held.square().sum(dim=2)).clamp(min=0.0)

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the mean error of the models: (batch, C) -> (batch,)."""
        return self.by_model(x).mean(dim=0)

    def describe(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the landmarks, the directions and the bandwidth."""
        models, count, directions = self.directions.shape
        own = {"models": models, "landmarks": count, "directions": directions, "bandwidth": self.bandwidth}
        return own, {"span.landmarks": self.landmarks, "span.directions": self.directions}


class KernelPCA(Rival):
    """A reward that falls with the part of a row which the demonstrations do not span in feature space.

    It has a closed form. All demonstrated rows span the directions if they are no more than ``landmarks``; else that
    many are drawn (Nyström).
    """

    settings = KernelPCAConfig
    config: KernelPCAConfig

    def _learn(self, training: EncodedRows, progress: Progress | None) -> tuple[Novelty, Float32]:
        """Find the principal directions without each fold."""
        x, models = training.x, training.models
        rng = np.random.default_rng(self.config.seed)
        count = min(self.config.landmarks, len(x))
        chosen = torch.from_numpy(np.sort(rng.choice(len(x), count, replace=False)))
        bandwidth = median_distance(x, rng)
        landmarks, part = x[chosen].contiguous(), torch.from_numpy(training.fold)
        found = []
        for model in range(models):
            mine = part[chosen] != model
            if not bool(mine.any()):  # nothing is spanned by landmarks that were all drawn from this fold
                found.append(torch.zeros(count, 1))
                continue
            kept = directions(x[part != model], landmarks[mine], bandwidth, self.config.kept)
            whole = torch.zeros(count, kept.shape[1])
            whole[mine] = kept
            found.append(whole)
            if progress is not None:
                progress(model + 1, models)
        widest = max(each.shape[1] for each in found)
        padded = torch.stack([torch.nn.functional.pad(each, (0, widest - each.shape[1])) for each in found])
        learnt = Span(training.encoder, landmarks, padded, bandwidth)
        errors = torch.cat([learnt.by_model(block) for block in torch.split(x, 1024)], dim=1)
        held_out: Float32 = errors[part, torch.arange(len(x))].numpy()
        return learnt, held_out

    @classmethod
    def _rebuild_novelty(
        cls, source: str, config: Any, encoder: Encoder, content: dict[str, Any], tensors: dict[str, Tensor]
    ) -> Novelty:
        """Take landmarks, directions and bandwidth."""
        models, count, kept = (int(content[name]) for name in ("models", "landmarks", "directions"))
        bandwidth = float(content["bandwidth"])
        if not 0.0 < bandwidth < math.inf:
            raise ValueError(f"bandwidth is {bandwidth}; expected a positive number")
        landmarks = take(source, tensors, "span.landmarks", (count, len(encoder.kept)))
        return Span(encoder, landmarks, take(source, tensors, "span.directions", (models, count, kept)), bandwidth)


def gaussian(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    """Return the kernel of all pairs of rows: (N, C) and (M, C) -> (N, M)."""
    squares = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1) - 2.0 * x @ y.T
    return torch.exp(squares.clamp(min=0.0) / (-2.0 * bandwidth**2))


def median_distance(x: Tensor, rng: np.random.Generator) -> float:
    """Return the median distance of two of the rows (N, C), of at most ``PAIRS`` that are drawn; never 0."""
    some = x if len(x) <= PAIRS else x[torch.from_numpy(rng.choice(len(x), PAIRS, replace=False))]
    found = float(torch.nn.functional.pdist(some).median())
    return found if found > 0.0 else 1.0


def directions(x: Tensor, landmarks: Tensor, bandwidth: float, kept: float) -> Tensor:
    """Return the principal directions of the features of rows, in terms of landmarks.

    Args:
        x: (N, C) rows.
        landmarks: (M, C) rows whose features span the directions.
        bandwidth: h of the kernel.
        kept: Share of the features' spread that the directions keep.

    Returns:
        (M, K) float32: the kernel of a row and the landmarks, times these, are the row's coordinates.
    """
    values, vectors = torch.linalg.eigh(gaussian(landmarks.double(), landmarks.double(), bandwidth))
    large = values > LEAST * values[-1]
    whitened = vectors[:, large] / values[large].sqrt()  # an orthonormal basis of what the landmarks span
    second = torch.zeros(whitened.shape[1], whitened.shape[1], dtype=torch.float64)
    for block in torch.split(x, 4096):
        features = gaussian(block.double(), landmarks.double(), bandwidth) @ whitened
        second += features.T @ features
    spread, axes = torch.linalg.eigh(second)
    spread, axes = spread.flip(0).clamp(min=0.0), axes.flip(1)
    share = spread.cumsum(0) / spread.sum()
    count = int((share < kept).sum()) + 1
    found: Tensor = whitened @ axes[:, :count]
    return found.float()
