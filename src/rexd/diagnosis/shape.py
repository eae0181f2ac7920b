"""The shape of a reward: where it is flat, where it ends, and what the expert's own rows earn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rexd.diagnosis.probe import Estimator
from rexd.diagnosis.sight import NOTHING
from rexd.reward.rows import Float32

LITTLE = 0.25  # of the expert's median reward
RANGE = 2.0 ** np.arange(0.0, 20.25, 0.25)  # novelties, in ℓ, over which the steepest octave is looked for


@dataclass(frozen=True)
class Shape:
    """A reward as a function of the novelty, where it has a way without it, and how it pays the expert.

    Attributes:
        at_expert: The reward where the novelty is ℓ.
        fall: By how much the reward falls from there to 2 ℓ.
        steepest: By how much it falls where it falls most as the novelty doubles.
        steepest_at: Where that begins, in ℓ.
        ends_at: The novelty, in ℓ, from which on the reward is next to nothing; None if it pays on beyond 1,000,000 ℓ.
        paid_little: The share of held-out expert rows that earn less than a quarter of the expert's median reward.
    """

    at_expert: float
    fall: float
    steepest: float
    steepest_at: float
    ends_at: float | None
    paid_little: float


def shape_of(model: Estimator, unit: float, expert: Float32) -> Shape:
    """Measure the shape of a reward.

    Args:
        model: The reward.
        unit: ℓ, the unit of novelty.
        expert: (N,) the rewards of held-out expert rows.
    """
    pays, doubled = (model.reward_of_novelty((unit * RANGE * factor).astype(np.float32)) for factor in (1.0, 2.0))
    falls = pays - doubled
    steepest = int(falls.argmax())
    nothing = np.flatnonzero(pays < NOTHING)
    return Shape(
        at_expert=float(pays[0]),
        fall=float(falls[0]),
        steepest=float(falls[steepest]),
        steepest_at=float(RANGE[steepest]),
        ends_at=float(RANGE[nothing[0]]) if len(nothing) else None,
        paid_little=float((expert < LITTLE * np.median(expert)).mean()),
    )
