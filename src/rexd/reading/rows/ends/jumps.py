"""The rows at which the state jumps, as it does where a trajectory begins."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array, BoolArray

MAX_SURPRISE_SHARE = 0.01
"""The largest share of other rows that may jump as far as the first rows of trajectories."""

MAX_CHANCE = 1e-6
"""The largest probability of a match by chance, over all lengths that are tried."""

MAX_CHANCE_AT_LIMIT = 1e-3
"""The same for the length that the environment's time limit names, which is tried alone."""

_SATURATION = 0.3  # in standard deviations, so that a column that is drawn anew (Reacher's target) does not dominate
_RARE = 0.05  # share of the rows at which trajectories may begin
_UNEXPLAINED = 0.1  # other rows that jump as far, for each first row that does
_CLEAR = 3.0  # the ratio of the smallest jump at a visible break to the largest jump elsewhere

Signal = NDArray[np.float64]


def reset_signs(observations: Array) -> tuple[Signal, Signal]:
    """Return each row's residual when predicted from the row before, and its distance from the first row; both (N,)."""
    values = np.nan_to_num(observations.astype(np.float64), posinf=0.0, neginf=0.0)
    scale = values.std(axis=0)
    varying = scale > 1e-8 * (1 + np.abs(values.mean(axis=0)))
    if len(values) < 3 or not varying.any():
        return np.zeros(len(values)), np.ones(len(values))
    z = (values[:, varying] - values[:, varying].mean(axis=0)) / scale[varying]
    before = np.hstack([z[:-1], np.ones((len(z) - 1, 1))])
    # A small ridge penalty keeps redundant columns (sine and cosine of one angle) from getting huge opposite weights.
    gram = before.T @ before + 1e-3 * len(before) * np.eye(before.shape[1])
    residual = np.abs(z[1:] - before @ np.linalg.solve(gram, before.T @ z[1:]))
    residual /= np.quantile(residual, 0.95, axis=0) + 1e-3
    surprise = np.concatenate([[0.0], np.sqrt((residual**2).mean(axis=1))])
    return surprise, np.minimum(np.abs(z - z[0]), _SATURATION).mean(axis=1)


def jumps_at(observations: Array, starts: BoolArray, others: BoolArray) -> bool:
    """Return whether the state jumps at the rows that a time limit makes the first of trajectories, and only there.

    A column that changes in no other row, as a goal does, shows it, and so does a large residual of a linear prediction
    from the row before at each of these rows.

    Args:
        observations: (N, D), the rows of trajectories end to end.
        starts: (N,), the rows that are asked about; at least one.
        others: (N,), further first rows of trajectories, which may jump too.
    """
    changed = observations[1:] != observations[:-1]
    inside = ~(starts | others)[1:]
    moved = changed[starts[1:]].mean(axis=0)
    if ((moved >= 0.5) & ~changed[inside].any(axis=0)).any():
        return True
    return _surprises(reset_signs(observations)[0], starts, others, MAX_CHANCE_AT_LIMIT)


def period_of_jumps(observations: Array) -> int | None:
    """Return the smallest length of trajectories at whose multiples, two or more, the state jumps; None if unclear.

    Args:
        observations: (N, D), the rows of trajectories end to end.
    """
    rows = len(observations)
    for changes in _rare_changes(observations):
        period = int(changes[0])
        if len(changes) > 1 and np.array_equal(changes, np.arange(period, rows, period)):
            return period
    surprise = reset_signs(observations)[0]
    periods = [period for period in range(2, rows // 3 + 1) if rows % period == 0]
    none = np.zeros(rows, np.bool_)
    for period in periods:
        starts = none.copy()
        starts[period::period] = True
        if _surprises(surprise, starts, none, MAX_CHANCE / len(periods)):
            return period
    return None


def visible_lengths(observations: Array) -> list[int] | None:
    """Return the lengths of trajectories that begin where the state visibly jumps; None where nothing is clear.

    It is good for advice alone: the jumps are too few or too weak to be sure.

    Args:
        observations: (N, D), the rows of trajectories end to end.
    """
    rows = len(observations)
    starts = next(iter(_rare_changes(observations)), None)
    if starts is None:
        surprise = reset_signs(observations)[0]
        largest = np.sort(surprise)[::-1][: max(int(_RARE * rows), 1) + 1]
        ratios = largest[:-1] / np.maximum(largest[1:], 1e-9)
        if not len(ratios) or ratios.max() < _CLEAR:
            return None
        starts = np.flatnonzero(surprise >= largest[int(ratios.argmax())])
    lengths: list[int] = np.diff(np.concatenate([[0], starts, [rows]])).tolist()
    return lengths if min(lengths) > 1 else None


def _rare_changes(observations: Array) -> list[NDArray[np.intp]]:
    """Return the rows at which each column changes, for the columns that change rarely, as a goal does."""
    changed = observations[1:] != observations[:-1]
    counts = changed.sum(axis=0)
    rare = np.flatnonzero((counts > 0) & (counts <= _RARE * len(observations)))
    return [np.flatnonzero(changed[:, column]) + 1 for column in rare]


def _surprises(surprise: Signal, starts: BoolArray, others: BoolArray, max_chance: float) -> bool:
    ordinary = ~(starts | others)
    ordinary[0] = False
    jumps = (surprise >= surprise[starts].min())[ordinary]
    # Many other jumps are further trajectories, which these rows do not explain.
    if not len(jumps) or jumps.mean() > MAX_SURPRISE_SHARE or jumps.sum() > _UNEXPLAINED * starts.sum():
        return False
    return bool(starts.sum() * math.log((jumps.sum() + 1) / (len(jumps) + 1)) < math.log(max_chance))
