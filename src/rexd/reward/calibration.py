"""What the raw error means: measured on expert rows that no model saw, and on actions that are not the expert's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.transitions import Transitions

Score = Callable[[Transitions], NDArray[np.float32]]
QUANTILES = tuple(q / 20 for q in range(21))
ANCHOR_FACTOR = 3.0
ANCHOR_QUANTILE = 0.9
ANCHOR_ROWS = 2000
LEAST_ANCHOR = 5.0  # in medians: below it unrelated actions look expert, and a clone's first errors would all earn 0
ASSUMED_ANCHOR = 30.0  # in medians, instead: most are measured at 12 to 140; with 10, Ant learnt little from 50 rows


@dataclass(frozen=True)
class Calibration:
    """Errors on known rows.

    Attributes:
        median: ℓ, the median error of demonstrated rows, each scored by the model that never saw it.
        anchor: L₀, 3 times the 90th percentile of the error of demonstrated states with actions of no relation; where
            that is less than 5 times ``median`` it tells nothing, and 30 times is assumed.
        quantiles: The held-out errors at ``QUANTILES``: the calibration curve.
        separation: Mean of ln(1 + L/ℓ) over demonstrated states with other rows' actions, less that over held-out
            rows: how well the model tells what the expert does in a state from what it does elsewhere.
        unused_median: Median error of expert rows that no model saw (those that a selection left out), if any.
            Near ``median`` where the folds tell the truth.
    """

    median: float
    anchor: float
    quantiles: tuple[float, ...]
    separation: float
    unused_median: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Calibration:
        """The inverse of ``to_dict``."""
        return cls(**{**values, "quantiles": tuple(values["quantiles"])})


@dataclass(frozen=True, eq=False)
class KnownErrors:
    """Errors (rows,) of rows of known kinds, which calibration and checks sum up.

    Attributes:
        held_out: Each demonstrated row, by the model that never saw it.
        uniform: Demonstrated states with uniformly random actions.
        others: Demonstrated states with other rows' actions.
        unused: Expert rows that a selection left out, if any.
    """

    held_out: NDArray[np.float32]
    uniform: NDArray[np.float32]
    others: NDArray[np.float32]
    unused: NDArray[np.float32] | None


def known_errors(
    demonstrations: Demonstrations, held_out: NDArray[np.float32], novelty: Score, seed: int
) -> KnownErrors:
    """Score them.

    Args:
        demonstrations: What the models were fitted to.
        held_out: (N,) error of each row by the model that never saw it.
        novelty: The ensemble's error of any rows.
        seed: Seed of the unrelated actions.
    """
    unused = demonstrations.unused_transitions()
    uniform, others = (novelty(rows) for rows in unrelated_actions(demonstrations, seed))
    return KnownErrors(held_out, uniform, others, None if unused is None else novelty(unused))


def calibrate(errors: KnownErrors) -> Calibration:
    """Sum up ℓ, L₀ and the curve."""
    held_out, others = errors.held_out, errors.others
    median = float(np.median(held_out))
    anchor = ANCHOR_FACTOR * float(np.quantile(np.concatenate([errors.uniform, others]), ANCHOR_QUANTILE))
    if anchor < LEAST_ANCHOR * median:
        anchor = ASSUMED_ANCHOR * median
    unit = max(median, float(np.finfo(np.float32).tiny))
    return Calibration(
        median=median,
        anchor=anchor,
        quantiles=tuple(float(q) for q in np.quantile(held_out, QUANTILES)),
        separation=float(np.log1p(others / unit).mean() - np.log1p(held_out / unit).mean()),
        unused_median=None if errors.unused is None else float(np.median(errors.unused)),
    )


def unrelated_actions(demonstrations: Demonstrations, seed: int) -> tuple[Transitions, Transitions]:
    """Demonstrated states with uniformly random actions, and with the actions of other rows.

    Uniform actions span the action space where it is known, else the range of the demonstrated ones.
    For models on (s, s') the next observations are those of other rows in both.
    """
    rows = demonstrations.transitions()
    rng = np.random.default_rng(seed)
    pick = rng.integers(len(rows), size=ANCHOR_ROWS)
    other = rng.integers(len(rows), size=ANCHOR_ROWS)
    if demonstrations.n_actions is not None:
        uniform = rng.integers(demonstrations.n_actions, size=ANCHOR_ROWS)
    else:
        low, high = demonstrations.action_bounds or (rows.act.min(axis=0), rows.act.max(axis=0))
        uniform = rng.uniform(low, high, size=(ANCHOR_ROWS, rows.act.shape[1])).astype(np.float32)
    return _with_actions(rows, pick, uniform, other), _with_actions(rows, pick, rows.act[other], other)


def _with_actions(
    rows: Transitions, pick: NDArray[np.int64], act: NDArray[Any], other: NDArray[np.int64]
) -> Transitions:
    return Transitions(
        obs=rows.obs[pick],
        act=act,
        next_obs=rows.next_obs[other],
        terminated=rows.terminated[pick],
        truncated=rows.truncated[pick],
        next_known=rows.next_known[pick],
        trajectory=rows.trajectory[pick],
        step=rows.step[pick],
    )
