"""Columns of a table without names that look like flags, counters or sums, and not like observations or actions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array

_FEW = 0.2  # the share of rows that begin or end an episode; trajectories have five steps and more
_STEADY = 0.9  # the share of rows in which a sum grows
_SHOWN = 6
_LEAST_ROWS = 5

Float64 = NDArray[np.float64]


def kinds_of(rows: Array) -> dict[int, str]:
    """Return what columns look like, by their number, for those that look like neither observations nor actions.

    Args:
        rows: (N, columns), the table.
    """
    if len(rows) < _LEAST_ROWS:
        return {}
    found = {number: kind for number, values in enumerate(rows.T) if (kind := _kind(values.astype(np.float64)))}
    if len(found) == rows.shape[1]:
        return {}
    ends = [number for number, kind in found.items() if kind.startswith("0 or 1")]
    for end in ends:
        if end == ends[0] and end == rows.shape[1] - len(ends) and end - 1 > 0 and end - 1 not in found:
            found[end - 1] = "the last number before the flags, where rewards often stand"
    return dict(sorted(found.items()))


def described(kinds: dict[int, str]) -> str:
    """Return the columns with what they look like, for messages."""
    parts = [f"column {number} is {kind}" for number, kind in list(kinds.items())[:_SHOWN]]
    return ", ".join(parts) + (f", and {len(kinds) - _SHOWN} more columns are such" if len(kinds) > _SHOWN else "")


def is_constant(kind: str) -> bool:
    """Whether a kind is that of a column that never varies, which may be a part of an observation."""
    return kind.startswith("constant")


def _kind(values: Float64) -> str | None:
    if not np.isfinite(values).all():
        return None
    if (values == values[0]).all():
        return f"constant ({values[0]:.4g})"
    rows, change = len(values), np.diff(values)
    if np.isin(values, (0, 1)).all():
        ones = int(values.sum())
        if min(ones, rows - ones) <= max(1, _FEW * rows):
            return (
                f"0 or 1, and {1 if ones <= rows - ones else 0} in {min(ones, rows - ones)} of {rows} rows, as ends are"
            )
        return None
    forwards = change[change > 0]
    again = len(change) - len(forwards)
    if len(forwards) and again <= _FEW * rows and np.allclose(forwards, np.median(forwards), rtol=1e-6, atol=0):
        return "a counter of steps or a clock" + (f", which begins again {again} times" if again else "")
    if (change >= 0).all() and (values == np.round(values)).all() and len(forwards) <= _FEW * rows:
        return f"a number that grows in {len(forwards)} of {rows} rows, as that of an episode does"
    if len(forwards) >= _STEADY * len(change) and change.min() >= 0:
        return "a number that only grows, as a sum or a time does"
    return None
