"""The comparison of rows of two arrays, which tells whether one step of a recording leads to the next."""

from __future__ import annotations

import numpy as np

from rexd.demos.trajectory import Array, BoolArray


def equal_rows(one: Array, other: Array) -> BoolArray:
    """Return which rows of two arrays are equal.

    Values are compared in the dtype of lower precision, so that a float64 row equals its copy in float32.

    Args:
        one: (N, ...) array.
        other: (N, ...) array of the same shape.

    Returns:
        (N,) bool.
    """
    coarse = min(one.dtype, other.dtype, key=lambda dtype: dtype.itemsize)
    with np.errstate(over="ignore"):  # a value beyond the coarser dtype becomes infinite there
        differ = one.astype(coarse, copy=False) != other.astype(coarse, copy=False)
    differ = differ.reshape(len(one), int(np.prod(one.shape[1:])))  # -1 would fail where there are no rows
    if np.count_nonzero(differ) > len(differ):
        return np.asarray(~differ.any(axis=1))
    # Where few entries differ, looking at these alone is much faster than reducing every row.
    same = np.ones(len(differ), np.bool_)
    same[np.flatnonzero(differ) // max(differ.shape[1], 1)] = False
    return same
