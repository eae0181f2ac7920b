"""Folds: the part of the demonstrations that each model is fitted without."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.errors import DemonstrationError

MINIMUM_ROWS = 4  # the median error of fewer rows than this says nothing


def assign_folds(trajectory: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """Assign a fold to each row: whole trajectories, or blocks of time where there is only one trajectory.

    Neighbouring rows of a trajectory are nearly equal. Folds that were drawn row by row would leak, and report the
    training error.

    Args:
        trajectory: (N,) the number of the trajectory of each row, ascending from 0.
        folds: The largest number of folds.

    Returns:
        (N,) the fold of each row, from 0.

    Raises:
        DemonstrationError: There are too few rows for two folds.
    """
    rows, count = len(trajectory), int(trajectory.max()) + 1
    if rows < 2 * MINIMUM_ROWS:
        raise DemonstrationError(
            f"{rows} transitions are too few to calibrate a reward: each of at least 2 folds needs {MINIMUM_ROWS} "
            "rows. Use more trajectories or a smaller subsample"
        )
    if count >= 2:
        return trajectory % min(folds, count)
    parts = min(folds, rows // MINIMUM_ROWS)
    return np.arange(rows, dtype=np.int64) * parts // rows
