"""Which part of the demonstrations each model is fitted without."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.errors import DemonstrationError

MINIMUM_ROWS = 4  # fewer rows than this in a part say nothing of its median error


def assign_folds(trajectory: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """Number the part of each row: whole trajectories, or blocks of time where there is only one.

    Neighbouring rows of a trajectory are nearly equal, so that parts drawn row by row would leak and report the
    training error.

    Args:
        trajectory: (N,) number of each row's trajectory, ascending from 0.
        folds: At most this many parts.

    Returns:
        (N,) part of each row, from 0.

    Raises:
        DemonstrationError: There are too few rows for two parts.
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
