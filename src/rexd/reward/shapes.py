"""From novelty to reward: four decreasing maps of the error L into [0, 1].

With ℓ the held-out median of L on the expert's own rows and r₀ the reward wanted there:

    exponential   r = exp(−σL)                                 σ = −ln(r₀) / ℓ
    rational      r = 1 / (1 + σL)                             σ = (1/r₀ − 1) / ℓ
    logarithmic   r = clip(1 − ln(1 + σL) / ln(1 + σL₀), 0, 1)   σ = 1 / ℓ
    linear        r = clip(1 − L / L₀, 0, 1)

The exponential shape is the paper's (Wang et al. 2019, eq. 9). It is flat beyond a few ℓ, where the policies of a
high-dimensional task start. The rational shape has a heavier tail. The logarithmic shape falls at an even rate over all
orders of magnitude between two measured anchors, the expert's own unseen rows (ℓ) and actions that have nothing to do
with the state (L₀), so that there is something to climb everywhere between them. Where such actions look like the
expert's, L₀ is assumed, far out. The shape is then the mean of two: one ends at L₀ and has a slope far away, and one
ends at a nearer L₁ and tells the expert from what lies near it (docs/lab/reward-scale.md). The linear shape is for
being at a goal. Errors there are squares that add up, of the distance and of the action, so that an action costs the
same at any distance, and its noise hides no distance. The last millimetres matter least.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rexd.reward.choices import Shape


def sigma_at_median(shape: Shape, median: float, reward: float) -> float:
    """Return the bandwidth σ that pays ``reward`` where the error equals ``median`` (1/ℓ where none does that).

    Args:
        shape: One of ``SHAPES``.
        median: ℓ, the held-out median error; positive.
        reward: r₀ in (0, 1); the logarithmic and the linear shape follow their anchors and ignore it.
    """
    if shape == "exponential":
        return -math.log(reward) / median
    if shape == "rational":
        return (1.0 / reward - 1.0) / median
    return 1.0 / median


def reward_of(novelty: Tensor, shape: Shape, sigma: float, anchor: float, near: float | None = None) -> Tensor:
    """Return the reward of each error by the formulas above.

    Args:
        novelty: (...,) errors L.
        shape: The form of the map.
        sigma: The bandwidth σ; the linear shape has none.
        anchor: L₀.
        near: L₁, at which half of the logarithmic reward ends; None where all of it ends at L₀.
    """
    scaled = sigma * novelty
    if shape == "exponential":
        return torch.exp(-scaled)
    if shape == "rational":
        return 1.0 / (1.0 + scaled)
    if shape == "linear":
        return (1.0 - novelty / anchor).clamp(0.0, 1.0)
    orders = torch.log1p(scaled)

    def ending_at(end: float) -> Tensor:
        return (1.0 - orders / math.log1p(sigma * end)).clamp(0.0, 1.0)

    return ending_at(anchor) if near is None else (ending_at(anchor) + ending_at(near)) / 2.0
