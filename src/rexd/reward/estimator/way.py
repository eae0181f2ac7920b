"""The way from a beginner to the expert: what the reward climbs where the novelty is level.

Far from the demonstrations everything is equally new. A body that stands and one that runs at a third of the expert's
speed may both lie at ten times ℓ, so that a policy which stands gains nothing by its first steps. What tells the way is
a comparison with where learning begins. The states of the beginner, which is the clone of the demonstrations, and those
of the expert are told apart by one direction w, which is Fisher's linear discriminant (Fisher 1936, Annals of Eugenics
7:179) of standardised inputs z,

    w = (Σ + λ 1)⁻¹ (μ_expert − μ_beginner),    Σ = (Σ_expert + Σ_beginner) / 2.

The progress of a state is how far it has come along that direction, from a quarter of the way behind the median of the
beginner, where it is 0, to the median of the expert, where it is 1. It multiplies the reward r of the novelty,

    p(s) · (1 + r) / 2.

All of it is fixed when the reward is fitted. A beginner that stands is then paid next to nothing, every step towards
the expert is paid, and near the expert the novelty decides.

The direction is used only where it tells nearly all states of the two apart (``APART``), and where the novelty is
level, so that it pays the beginner less than half of what it pays the expert (``LEVEL``). Elsewhere the novelty has a
slope from one to the other. Nor is it used with fewer than four demonstrated rows for each column (``ROWS``). On Ant,
from 50 rows of 27 columns, the direction is the speed and orders other trajectories well, and yet a policy came along
it by other columns: a progress of 0.76 at a tenth of the expert's speed, where the novelty pays 0.04. On Humanoid, from
1000 rows of 257 columns, a policy came to the end of it by standing still (docs/lab/reward-scale.md). What is done
then is in ``rexd.reward.estimator.far_beginner``.

The way is not paid where demonstrations end in terminal states: an end is worth what its own reward says for ever
(``rexd.reward.ends``), and a fall that lies far along the direction would be worth half of what a success is. Nor is it
looked for where the expert hardly moves in some column (``rexd.reward.beginner``): an expert that keeps something in
its place leads nowhere, and a clone that strays to one side would make the other side the aim.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.reward.beginner import DECILES
from rexd.reward.rows import Float32

APART = 0.96  # AUROC of rows that the direction was not fitted to
LEVEL = 0.5  # the novelty is level where it pays the beginner less than this share of what it pays the expert
ROWS = 4  # least number of the expert's rows for each column
SHRINKAGE = 0.1  # λ, in variances of the demonstrations
CLIP = 5.0  # standard deviations of the demonstrations, or farther where a tenth of the beginner's rows lie farther out
BEHIND = 0.25  # of the way, by which the progress starts behind the beginner's median, so that it climbs from there
MOST_ROWS = 2000  # of the beginner, with which the expert's are compared

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Way:
    """The direction from the beginner to the expert, and its scale.

    Attributes:
        low: (C,) float32, what each standardised input is clipped to; a state that is farther out, as in a fall, says
            no more.
        high: (C,) float32, likewise.
        weights: (C,) float32, what each input adds to the progress; 0 for actions and the time.
        offset: What is added to them all.
    """

    low: Tensor
    high: Tensor
    weights: Tensor
    offset: float

    def progress(self, x: Tensor) -> Tensor:
        """Return how far states have come: standardised inputs (batch, C) -> (batch,) in [0, 1]."""
        return (x.clamp(self.low, self.high) @ self.weights + self.offset).clamp(0.0, 1.0)

    def paid(self, x: Tensor, reward: Tensor) -> Tensor:
        """Return the reward with the progress: inputs (batch, C) and the reward of the novelty (batch,) -> (batch,)."""
        return self.progress(x) * (1.0 + reward) / 2.0


def is_level(beginner: Float32, expert: Float32) -> bool:
    """Whether the novelty is level between the two: rewards (M,) and (N,) of their rows, without the way."""
    return float(beginner.mean(dtype=float)) < LEVEL * float(expert.mean(dtype=float))


def has_enough_rows(expert: Tensor, states: Tensor) -> bool:
    """Whether there are enough of the expert's inputs (N, C) to trust a direction among its columns of states (C,)."""
    return bool(states.any()) and len(expert) >= ROWS * int(states.sum())


def way_between(expert: Tensor, beginner: Tensor, states: Tensor, seed: int) -> Way | None:
    """Return the way from the beginner to the expert; None where it does not tell them apart.

    Args:
        expert: (N, C) standardised inputs of the demonstrations.
        beginner: (M, C) standardised inputs of the beginner's rows.
        states: (C,) bool, which inputs are columns of the observation.
        seed: Seed of the choice of the beginner's rows with which the expert's are compared.
    """
    few, most = np.quantile(beginner.numpy(), DECILES, axis=0)
    lower, upper = _float32(np.minimum(-CLIP, few)), _float32(np.maximum(CLIP, most))
    z, b = (x.clamp(lower, upper)[:, states].double().numpy() for x in (expert, beginner))
    even = np.arange(len(z)) % 2 == 0
    some = b[np.random.default_rng(seed).permutation(len(b))[:MOST_ROWS]]
    halves = [(_direction(z[half], b), z[~half]) for half in (even, ~even)]
    if np.mean([_auroc(rows @ w, some @ w) for w, rows in halves]) < APART:
        return None
    w = _direction(z, b)
    low, high = float(np.median(b @ w)), float(np.median(z @ w))
    if not high > low:
        return None
    scale = 1.0 / ((1.0 + BEHIND) * (high - low))
    weights = torch.zeros(expert.shape[1])
    weights[states] = _float32(scale * w)
    return Way(lower, upper, weights, BEHIND / (1.0 + BEHIND) - scale * low)


def _float32(values: Float64) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _direction(expert: Float64, beginner: Float64) -> Float64:
    """Return Fisher's discriminant of two sets of rows: (N, D) and (M, D) -> (D,)."""
    within = (np.cov(expert.T, ddof=0) + np.cov(beginner.T, ddof=0)) / 2.0
    shrunk = np.atleast_2d(within) + SHRINKAGE * np.eye(expert.shape[1])
    return np.asarray(np.linalg.solve(shrunk, expert.mean(axis=0) - beginner.mean(axis=0)))


def _auroc(above: Float64, below: Float64) -> float:
    """Return the probability that a value of one set lies above one of the other, ties counted as half."""
    order = np.sort(below)
    left, right = np.searchsorted(order, above, "left"), np.searchsorted(order, above, "right")
    return float((left + right).mean() / (2.0 * len(below)))
