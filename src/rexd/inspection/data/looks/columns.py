"""Findings about observation columns: constant columns, copies of other columns, and clocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array, Trajectory
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking

_RESOLUTION = float(np.finfo(np.float32).eps)  # of a column's size, the same as where the reward drops a column
_ROUNDING = 1e-8  # what simulators leave in a column that never moves is smaller
_OWN_STEPS = 4  # of the recorded kind of number; fewer are rounding too
_MIN_STEPS = 5
# Share of the spread. A clock is the same in all trajectories up to float32's rounding; other columns differ by 0.1 and
# more.
_SAME_TIME = 1e-4


@Look
def constant_columns(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for columns that never vary."""
    extremes, moments = _Extremes(), _Moments()
    while (t := (yield)) is not None:
        extremes.see(t)
        moments.see(t)
    found = np.flatnonzero(~_seen(moments) & ~_lost(extremes, moments))
    if not len(found):
        return []
    message = f"{len(found)} of {demos.obs_dim} observation columns never vary: {ranges(found)}{demos.named(found)}"
    if len(found) == demos.obs_dim:
        return [Finding("error", "constant-columns", f"{message}; nothing can be learnt from them", "record it again")]
    mend = f"none for rexd, whose reward drops them; for other tools, rexd convert --drop-columns {ranges(found)}"
    return [Finding("info", "constant-columns", message, mend)]


@Look
def lost_columns(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for columns that vary, but less than float32 resolves at their size."""
    extremes, moments = _Extremes(), _Moments()
    while (t := (yield)) is not None:
        extremes.see(t)
        moments.see(t)
    found = np.flatnonzero(_lost(extremes, moments))
    if not len(found):
        return []
    first = found[0]
    message = (
        f"{len(found)} of {demos.obs_dim} observation columns vary, but too little for float32: {ranges(found)}"
        f"{demos.named(found)} (column {first} spreads by {moments.std[first]:.3g} around {moments.mean[first]:.9g}). "
        "The reward drops them, and a policy cannot tell their values apart"
    )
    mend = "record them without their offset, or in a smaller unit, so that they spread by 0.001 or more"
    return [Finding("warning", "lost-columns", message, mend)]


@Look
def duplicate_columns(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for columns that equal an earlier column in every row."""
    alike, extremes = [list(range(demos.obs_dim))], _Extremes()
    while (t := (yield)) is not None:
        extremes.see(t)
        alike = [same for group in alike for same in _alike(t, group)]
    varying = extremes.varying()
    groups = [group for group in alike if varying[group[0]]]
    pairs = sorted((column, group[0]) for group in groups for column in group[1:])
    if not pairs:
        return []
    copies = [copy for copy, _ in pairs]
    message = (
        f"{len(pairs)} observation columns are copies of others ({', '.join(f'{a} of {b}' for a, b in pairs[:5])}"
        f"{', ...' if len(pairs) > 5 else ''}){demos.named(copies)}: what they show counts twice"
    )
    return [Finding("info", "duplicate-columns", message, f"rexd convert --drop-columns {ranges(copies)}")]


@Look
def time_columns(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for columns that only count the steps, up or down."""
    found = yield from _time_columns(demos)
    if not found or demos.offsets:
        return []
    message = (
        f"observation column {ranges(found)}{demos.named(found)} is a clock: it moves evenly with the step, and alike "
        "in all trajectories. A reward and a policy that see it learn the time, not the task"
    )
    return [Finding("warning", "time-column", message, f"rexd convert --drop-columns {ranges(found)}")]


def find_time_columns(demos: Demonstrations) -> list[int]:
    """Return the columns that only count the steps, ascending."""
    return Look(_time_columns)(demos)


def _time_columns(demos: Demonstrations) -> Looking[list[int]]:
    longest = demos.trajectories[int(demos.lengths.argmax())].observations.astype(np.float64)
    margin = _SAME_TIME * np.ptp(longest, axis=0)
    evenly = np.abs(longest - np.linspace(longest[0], longest[-1], len(longest))).max(axis=0) <= margin
    found = np.flatnonzero((margin > 0) & evenly) if len(longest) >= _MIN_STEPS else np.zeros(0, np.intp)
    extremes = _Extremes()
    while (t := (yield)) is not None:
        extremes.see(t)
        apart = np.abs(t.observations[:, found] - longest[: len(t), found]).max(axis=0)
        found = found[apart <= margin[found]]
    varying = extremes.varying()
    return [int(column) for column in found if varying[column]]


def _alike(t: Trajectory, group: Sequence[int]) -> list[list[int]]:
    """Split a group of columns into groups with equal values in this trajectory; columns without an equal drop out."""
    found: dict[bytes, list[int]] = {}
    for column in group:
        found.setdefault(t.observations[:, column].tobytes(), []).append(column)
    return [same for same in found.values() if len(same) > 1]


def ranges(columns: Iterable[int]) -> str:
    """Return the columns as the option ``--columns`` takes them: ``3,27:111`` for 3 and 27 to 110."""
    parts: list[list[int]] = []
    for column in columns:
        if parts and parts[-1][1] == column:
            parts[-1][1] = int(column) + 1
        else:
            parts.append([int(column), int(column) + 1])
    return ",".join(f"{a}" if b == a + 1 else f"{a}:{b}" for a, b in parts)


@Look
def varying_columns(demos: Demonstrations) -> Looking[NDArray[np.bool_]]:
    """Tell for each column whether it takes more than one value; (D,)."""
    extremes = _Extremes()
    while (t := (yield)) is not None:
        extremes.see(t)
    return extremes.varying()


@Look
def constant_columns_of(demos: Demonstrations) -> Looking[dict[int, float]]:
    """Return the columns that never vary, ascending, with their values."""
    extremes = _Extremes()
    while (t := (yield)) is not None:
        extremes.see(t)
    return {int(column): float(extremes.low[column]) for column in np.flatnonzero(~extremes.varying())}


class _Extremes:
    """The lowest and the highest value of each column."""

    def __init__(self) -> None:
        self.low: Array = np.zeros(0)
        self.high: Array = np.zeros(0)

    def see(self, t: Trajectory) -> None:
        low, high = t.observations.min(axis=0), t.observations.max(axis=0)
        self.low = np.minimum(self.low, low) if self.low.size else low
        self.high = np.maximum(self.high, high) if self.high.size else high

    def varying(self) -> NDArray[np.bool_]:
        low, high = self.low.astype(np.float64), self.high.astype(np.float64)
        return np.asarray(high - low > _RESOLUTION * np.maximum(np.maximum(np.abs(low), np.abs(high)), 1.0))


class _Moments:
    """The mean and the spread of each column, in float64, a trajectory after the other (Chan et al. 1983)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, np.zeros(0), np.zeros(0)

    def see(self, t: Trajectory) -> None:
        rows = t.observations.astype(np.float64)
        mean, squares, total = rows.mean(axis=0), rows.var(axis=0) * len(rows), self.count + len(rows)
        if not self.count:
            self.count, self.mean, self.squares = total, mean, squares
            return
        away = mean - self.mean
        self.squares = self.squares + squares + away**2 * self.count * len(rows) / total
        self.mean, self.count = self.mean + away * len(rows) / total, total

    @property
    def std(self) -> NDArray[np.float64]:
        return np.sqrt(self.squares / max(self.count, 1))


def _seen(moments: _Moments) -> NDArray[np.bool_]:
    """Return which columns vary enough for the reward."""
    return np.asarray(moments.std > _RESOLUTION * np.maximum(np.abs(moments.mean), 1.0))


def _lost(extremes: _Extremes, moments: _Moments) -> NDArray[np.bool_]:
    """Return which columns vary by more than rounding, and yet by less than the reward can see."""
    low, high = extremes.low.astype(np.float64), extremes.high.astype(np.float64)
    kind = extremes.low.dtype
    step = float(np.finfo(kind).eps) if kind.kind == "f" else 0.0
    rounding = np.maximum(_ROUNDING, _OWN_STEPS * step * np.maximum(np.abs(low), np.abs(high)))
    return np.asarray(~_seen(moments) & (high - low > rounding))
