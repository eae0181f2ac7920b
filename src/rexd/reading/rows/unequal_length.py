"""Where trajectories of unequal length begin, in files that store them end to end and do not say.

Simulators move a position by its velocity: from row to row some column follows from the others to the last digits
(CartPole's position is the one before plus 0.02 times the velocity). Across a reset it does not. Such a relation is
looked for, and believed only where nothing lies between rows that follow and rows that do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array

_MIN_ROWS = 50
_MAX_COLUMNS = 32  # each has a relation to be solved for
_FITTED_ROWS = 20_000
_EXACT = 1e-3  # standard deviations: what 9 of 10 rows may differ from the relation
_MOVES = 10.0  # what hardly ever changes (a goal, a contact) follows trivially
_TRIMMED = 0.9  # share of rows that the relation is fitted to: the others may be jumps
_ROUNDS = 8
_CLEAR = 100.0  # the smallest jump is at least so many times the largest difference between rows that follow


def find_breaks(observations: Array) -> NDArray[np.intp] | None:
    """The rows that begin a trajectory, the first row included, or None where that is not clear.

    Args:
        observations: (N, D) of trajectories end to end.
    """
    values = observations.astype(np.float64)
    if len(values) < _MIN_ROWS or not np.isfinite(values).all():
        return None
    scale = values.std(axis=0)
    varying = scale > 1e-8 * (1 + np.abs(values.mean(axis=0)))
    if not 1 < varying.sum() <= _MAX_COLUMNS:
        return None
    z = (values[:, varying] - values[:, varying].mean(axis=0)) / scale[varying]
    exact = [rest for column in range(z.shape[1]) if (rest := _differences(z, column)) is not None]
    starts = _above_gap(np.max(exact, axis=0)) if exact else None
    if starts is None:
        return None
    distance = np.abs(z - z[0]).mean(axis=1)
    if (distance[starts] >= np.median(distance)).any():  # a jump elsewhere is an event, no reset
        return None
    return np.concatenate([[0], starts])


def _differences(z: NDArray[np.float64], column: int) -> NDArray[np.float64] | None:
    """How far each row is from what the others make of it, (N - 1,), as 1 for usual rows; None if not exactly."""
    step = z[1:, column] - z[:-1, column]
    rows = np.linspace(0, len(step) - 1, min(len(step), _FITTED_ROWS)).astype(np.intp)
    x, y = _known(z[rows], z[rows + 1], column), step[rows]
    kept = np.abs(y) <= np.quantile(np.abs(y), _TRIMMED)
    for _ in range(_ROUNDS):
        weights = np.linalg.lstsq(x[kept].T @ x[kept], x[kept].T @ y[kept], rcond=1e-12)[0]
        rest = np.abs(y - x @ weights)
        kept = rest <= np.quantile(rest, _TRIMMED)
    usual = float(np.quantile(rest, _TRIMMED)) + 1e-9
    if usual > _EXACT or np.median(np.abs(step)) < _MOVES * usual:
        return None
    for start in range(0, len(step), _FITTED_ROWS):  # never all of them beside the observations in memory
        part = slice(start, start + _FITTED_ROWS)
        step[part] -= _known(z[:-1][part], z[1:][part], column) @ weights
    return np.asarray(np.abs(step) / usual)


def _known(before: NDArray[np.float64], after: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """What one column of the rows after is told from: the rows before, the other columns, and a constant."""
    return np.hstack([before, np.delete(after, column, axis=1), np.ones((len(before), 1))])


def _above_gap(differences: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """The rows above the one clear gap among the largest differences."""
    tail = np.sort(differences)[int(_TRIMMED * len(differences)) :]
    ratios = tail[1:] / np.maximum(tail[:-1], 1.0)
    if not len(ratios) or ratios.max() < _CLEAR:
        return None
    return np.flatnonzero(differences >= tail[1 + int(ratios.argmax())]) + 1
