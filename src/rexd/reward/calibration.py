"""What the raw error means, as measured on expert rows that no model saw and on actions that are not the expert's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.other_goals import goals_of
from rexd.reward.beginner import moved
from rexd.reward.rows import Float32, Rows

Score = Callable[[Rows], Float32]
"""The novelty (rows,) of any rows."""
QUANTILES = tuple(q / 20 for q in range(21))
ANCHOR_FACTOR = 3.0
ANCHOR_QUANTILE = 0.9
ANCHOR_ROWS = 2000
# Both in medians ℓ. Below the first, unrelated actions and the beginner look like the expert, and all errors of a fresh
# clone would earn 0. The second is assumed instead, since most demonstrations measure 12 to 140. Half of the reward
# then ends at the first, or what the beginner does would earn nearly what the expert does (docs/lab/reward-scale.md).
LEAST_ANCHOR = 5.0
ASSUMED_ANCHOR = 30.0


@dataclass(frozen=True)
class Calibration:
    """The scale of the error.

    Attributes:
        median: ℓ, the median error of demonstrated rows, each scored by the model that never saw it.
        anchor: L₀, 3 times the 90th percentile of the error of demonstrated states with unrelated actions, and at least
            the median error of the policy that learning begins with, if it is known. Where that is less than 5 times
            the median held-out error, it tells nothing, and 30 times that median is assumed. Where that policy is far
            and the demonstrations are few, it is at least the median error of random play
            (``rexd.reward.estimator.far_beginner``).
        near: L₁, 5 times the median held-out error, at which half of the reward ends where L₀ is assumed; None where L₀
            is measured.
        quantiles: The held-out errors at ``QUANTILES``: the calibration curve.
        separation: Mean of ln(1 + L/ℓ) over demonstrated states with other rows' actions, minus its mean over
            held-out rows. It says how well the model tells what the expert does in a state from what it does
            elsewhere.
        unused_median: Median error of the expert rows that a selection left out, which no model saw; None without
            such rows. It is near ``median`` where the folds tell the truth.
        coverage: In which share of the observation's columns the demonstrations spread at least a tenth as far as the
            policy that learning begins with (``rexd.reward.beginner``); 1 where that is not known.
        far: Whether nearly all states of that policy lie apart from the demonstrations'
            (``rexd.reward.estimator.way``).
    """

    median: float
    anchor: float
    quantiles: tuple[float, ...]
    separation: float
    unused_median: float | None = None
    coverage: float = 1.0
    far: bool = False
    near: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Calibration:
        """Build a calibration from what ``to_dict`` returned."""
        return cls(**{**values, "quantiles": tuple(values["quantiles"])})


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows of one kind.

    Attributes:
        rows: The rows.
        errors: (rows,) their errors.
    """

    rows: Rows
    errors: Float32


@dataclass(frozen=True, eq=False)
class KnownErrors:
    """Errors of rows of known kinds, each (rows,), which calibration and checks sum up.

    Attributes:
        held_out: Demonstrated rows, each scored by the model that never saw it.
        uniform: Demonstrated states with uniformly random actions.
        others: Demonstrated states with other rows' actions.
        unused: Expert rows that a selection left out; None without such rows.
        moved: Demonstrated rows, moved by a little of what that policy reaches; None without one.
        beginner: Rows of the policy that learning begins with; None without an environment.
    """

    held_out: Float32
    uniform: Scored
    others: Scored
    unused: Scored | None
    moved: Float32 | None = None
    beginner: Float32 | None = None


def known_errors(
    demonstrations: Demonstrations,
    held_out: Float32,
    novelty: Score,
    seed: int,
    *,
    elsewhere: Demonstrations | None = None,
    beginner: Rows | None = None,
) -> KnownErrors:
    """Score rows of known kinds.

    Args:
        demonstrations: The demonstrations that the models were fitted to.
        held_out: (N,) error of each row by the model that never saw it.
        novelty: Scores any rows by all models together.
        seed: Seed of the unrelated actions, and of the moves.
        elsewhere: Rows that achieved what counts as other goals; None takes those of ``demonstrations``.
        beginner: Rows of the policy that learning begins with, if they are known.
    """
    unused = demonstrations.unused_transitions()
    uniform, others = (Scored(rows, novelty(rows)) for rows in unrelated_actions(demonstrations, seed, elsewhere))
    rows = None if unused is None else Rows.of_transitions(unused)
    left_out = None if rows is None else Scored(rows, novelty(rows))
    if beginner is None:
        return KnownErrors(held_out, uniform, others, left_out)
    near = moved(Rows.of_transitions(demonstrations.transitions()), beginner, seed)
    return KnownErrors(held_out, uniform, others, left_out, novelty(near), novelty(beginner))


def calibrate(errors: KnownErrors) -> Calibration:
    """Measure ℓ, L₀ and the calibration curve."""
    held_out, others = errors.held_out, errors.others.errors
    median = float(np.median(held_out))
    anchor = ANCHOR_FACTOR * float(np.quantile(np.concatenate([errors.uniform.errors, others]), ANCHOR_QUANTILE))
    if errors.beginner is not None:
        anchor = max(anchor, float(np.median(errors.beginner)))
    # If the assumed end lay far beyond the beginner, the reward would fall too little where the policy begins to fall.
    least, near = LEAST_ANCHOR * median, None
    if anchor < least:
        anchor, near = ASSUMED_ANCHOR * median, least
    if errors.moved is not None:
        median = max(median, float(np.median(errors.moved)))
    unit = max(median, float(np.finfo(np.float32).tiny))
    return Calibration(
        median=median,
        anchor=anchor,
        quantiles=tuple(float(q) for q in np.quantile(held_out, QUANTILES)),
        separation=float(np.log1p(others / unit).mean() - np.log1p(held_out / unit).mean()),
        unused_median=None if errors.unused is None else float(np.median(errors.unused.errors)),
        near=near,
    )


def unrelated_actions(
    demonstrations: Demonstrations, seed: int, elsewhere: Demonstrations | None = None
) -> tuple[Rows, Rows]:
    """Return demonstrated states with uniformly random actions, and the same states with the actions of other rows.

    Uniform actions span the action space where it is known, else the range of the demonstrated actions. Both have
    the next observations of other rows, for models of (s, s'). Where there are goals, the states have what other rows
    (or the rows ``elsewhere``) achieved as their goals: what is done for another goal has nothing to do with this one.
    """
    rows = demonstrations.transitions()
    rng = np.random.default_rng(seed)
    pick = rng.integers(len(rows), size=ANCHOR_ROWS)
    other = rng.integers(len(rows), size=ANCHOR_ROWS)
    if demonstrations.n_actions is not None:
        uniform = rng.integers(demonstrations.n_actions, size=(ANCHOR_ROWS, *rows.act.shape[1:]))
    else:
        low, high = demonstrations.action_bounds or (rows.act.min(axis=0), rows.act.max(axis=0))
        uniform = rng.uniform(low, high, size=(ANCHOR_ROWS, rows.act.shape[1])).astype(np.float32)
    obs, next_obs, step = rows.obs[pick], rows.next_obs[other], rows.step[pick]
    goals = goals_of(demonstrations)
    if goals is not None:
        achieved = goals.achieved(rows.obs if elsewhere is None else elsewhere.transitions().obs)
        others = achieved[rng.integers(len(achieved), size=ANCHOR_ROWS)]
        obs, next_obs = goals.exchanged(obs, others), goals.exchanged(next_obs, others)
    return Rows(obs, uniform, next_obs, step), Rows(obs, rows.act[other], next_obs, step)
