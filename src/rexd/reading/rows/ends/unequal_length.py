"""Inferring where trajectories of unequal length begin, in files that store them end to end and do not record it.

Simulators integrate positions from velocities, so that the change of some column is an exact linear function of the
other columns (CartPole's position changes by 0.02 times the velocity). The relation fails across a reset. A column with
such a relation is searched for, and accepted only if a clear gap separates rows that obey it from rows that do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array

_MIN_ROWS = 50
_MAX_COLUMNS = 32  # a linear system is solved for each column
_FITTED_ROWS = 20_000
_EXACT = 1e-3  # in standard deviations: the largest residual of 9 of 10 rows
_MOVES = 10.0  # a column must change this much more than the residual: one that rarely changes (a goal) fits trivially
_TRIMMED = 0.9  # the share of rows that the relation is fitted to, as the others may be resets
_ROUNDS = 8
_CLEAR = 100.0  # the ratio of the smallest residual of a reset to the largest residual of other rows


def find_breaks(observations: Array) -> NDArray[np.intp] | None:
    """Return the first row of each trajectory, including row 0, or None where these are not clear.

    Args:
        observations: (N, D), the rows of trajectories end to end.
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
    if (distance[starts] >= np.median(distance)).any():  # a jump that does not lead back to the start is not a reset
        return None
    return np.concatenate([[0], starts])


def _differences(z: NDArray[np.float64], column: int) -> NDArray[np.float64] | None:
    """Return the residual of each change of a column, (N - 1,), in units of the usual residual.

    It is None where the change is not an exact linear function of the other columns.
    """
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
    for start in range(0, len(step), _FITTED_ROWS):  # in parts, to save memory beside the observations
        part = slice(start, start + _FITTED_ROWS)
        step[part] -= _known(z[:-1][part], z[1:][part], column) @ weights
    return np.asarray(np.abs(step) / usual)


def _known(before: NDArray[np.float64], after: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """Return the predictors of one column's change: the rows before, the other columns after, and a constant."""
    return np.hstack([before, np.delete(after, column, axis=1), np.ones((len(before), 1))])


def _above_gap(differences: NDArray[np.float64]) -> NDArray[np.intp] | None:
    """Return the rows above the one clear gap among the largest residuals."""
    tail = np.sort(differences)[int(_TRIMMED * len(differences)) :]
    ratios = tail[1:] / np.maximum(tail[:-1], 1.0)
    if not len(ratios) or ratios.max() < _CLEAR:
        return None
    return np.flatnonzero(differences >= tail[1 + int(ratios.argmax())]) + 1
