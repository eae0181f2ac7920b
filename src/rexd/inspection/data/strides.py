"""Findings about subsampling whose stride meets a period of the recording: some phases of the cycle are never kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.inspection.data.finding import Finding

_TRAJECTORIES, _ROWS = 16, 20_000  # the first ones that are looked at, and their rows together
_SETTLED = 0.25  # share of the steps that are left out of the search for a period
_LONGEST = 100  # steps; a longer cycle is too smooth for a stride to miss a part of it
_TIMES, _LEFT_OUT = (
    300,
    400,
)  # rows that are compared with later ones, and rows left out that are compared with kept ones
# The distance of states one period apart, as a share of that at independent times and of the largest at shorter lags:
# 0 for an exact cycle, 0.35 for OPOLO's HalfCheetah, whose gait wanders.
_RETURNS = 0.5
_FIRST = 1.25  # a period is preferred to its multiples if its distance is not larger by more than this factor
# A row that is left out is far from those that are kept beyond this share of the distance at independent times. Where
# the stride meets a cycle, 0.19 to 0.99 of the rows are, and 0.09 at most where a neighbouring stride is taken. The
# gaits that train well with a stride of 20 have as many as 0.8 (Ant), but then with every stride near it.
_FAR, _MANY, _BETTER = 0.3, 0.15, 0.4
_NEAR = (-1, 1, -2, 2, -3, 3)  # neighbouring strides, in the order in which they are proposed

States = NDArray[np.float64]


def stride_findings(demos: Demonstrations, stride: int, seed: int = 0) -> list[Finding]:
    """Return a finding if every ``stride``-th row leaves out a part of a cycle that other strides would show.

    Args:
        demos: The whole demonstrations.
        stride: The ``k`` of ``Demonstrations.subsample``.
        seed: The seed of its random offsets.
    """
    if stride < 2 or demos.offsets:
        return []
    return _findings([t.observations for t in islice(demos, _TRAJECTORIES)], stride, _offsets(stride, len(demos), seed))


def subsampled_findings(demos: Demonstrations) -> list[Finding]:
    """Return the same finding about demonstrations that were subsampled and keep their other rows as ``unused``."""
    first = next(iter(demos))
    if not demos.offsets or len(first) < 2 or len(demos.unused) < len(demos):
        return []
    whole = list[Array]()
    for kept, rest in islice(zip(demos, demos.unused[-len(demos) :], strict=True), _TRAJECTORIES):
        steps = np.concatenate([kept.steps, rest.steps])
        order = np.argsort(steps, kind="stable")
        if (np.diff(steps[order]) != 1).any():  # other rows were left out too, or these are of another trajectory
            return []
        whole.append(np.concatenate([kept.observations, rest.observations])[order])
    return _findings(whole, int(first.steps[1] - first.steps[0]), demos.offsets)


def _findings(observations: Sequence[Array], stride: int, offsets: Sequence[int]) -> list[Finding]:
    if observations[0].ndim > 2:  # images show no state that could return
        return []
    states = _standardised(observations)
    period = _period(states)
    if period is None or math.gcd(stride, period) == 1:
        return []
    missed = _far_share(states, stride, offsets)
    if missed < _MANY:
        return []
    for other in (stride + step for step in _NEAR):
        if other < 2 or math.gcd(other, period) > 1:
            continue
        there = _far_share(states, other, _offsets(other, len(states)))
        if there > _BETTER * missed:
            continue
        shown = period // math.gcd(stride, period)
        message = (
            f"the recording repeats itself every {period} steps, and every {stride}-th row of a trajectory shows "
            f"{shown} of these {period} phases: {missed:.0%} of the rows that are left out lie far from all that are "
            f"kept, with every {other}-th row {there:.0%}. A reward calls the other phases new"
        )
        mend = f"--subsample {other}, which has no factor in common with {period}"
        return [Finding("warning", "stride-meets-period", message, mend)]
    return []


def _offsets(stride: int, count: int, seed: int = 0) -> list[int]:
    """Draw an offset for each trajectory, as ``Demonstrations.subsample`` does."""
    return [int(offset) for offset in np.random.default_rng(seed).integers(0, stride, size=count)]


def _standardised(observations: Sequence[Array]) -> list[States]:
    """Return the first rows of each (T, D), with columns of unit spread and without constant columns."""
    most = max(1, _ROWS // len(observations))
    states = [rows[:most].astype(np.float64) for rows in observations]
    rows = np.concatenate(states)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    telling = spread > 1e-6 * (1 + np.abs(mean))
    return [(state[:, telling] - mean[telling]) / spread[telling] for state in states] if telling.any() else []


def _period(states: Sequence[States]) -> int | None:
    """Return the number of steps after which the states come back; None where they do not."""
    found = [_returns(state[int(_SETTLED * len(state)) :]) for state in states[:4]]
    shortest = min((len(distances) for distances in found), default=0)
    if shortest < 2:
        return None
    distances = np.median([d[:shortest] for d in found], axis=0)  # of lags 0, 1, 2, ...
    before = np.maximum.accumulate(distances)[:-1]
    low = np.flatnonzero(distances[1:] <= _RETURNS * np.minimum(before, 1.0)) + 1
    # Of the lags around a return the closest one counts, and of several returns the first that is about as close.
    low = low[(distances[low] <= distances[low - 1]) & (distances[low] <= np.append(distances, np.inf)[low + 1])]
    if not low.size:
        return None
    close = distances[low] <= _FIRST * distances[low].min() + 0.01
    return int(low[close][0])


def _returns(state: States) -> NDArray[np.float64]:
    """Return the median distance of states some steps apart, relative to that at independent times, for each lag."""
    longest = min(_LONGEST, len(state) // 3)
    times = np.unique(np.linspace(0, len(state) - 1 - longest, _TIMES).astype(int)) if longest else np.zeros(0, int)
    some = state[times]
    typical = float(np.median(_distances(some, some))) if len(some) else 0.0
    if typical <= 0:
        return np.zeros(0)
    apart = [np.median(np.sqrt(np.square(state[times + lag] - some).mean(axis=1))) for lag in range(longest + 1)]
    return np.array(apart) / typical


def _far_share(states: Sequence[States], stride: int, offsets: Sequence[int]) -> float:
    """Return the share of the rows that are left out which are far from all rows that are kept."""
    kept = np.concatenate([state[offset::stride] for state, offset in zip(states, offsets, strict=False)])
    rest = np.concatenate(
        [np.delete(state, slice(offset, None, stride), axis=0) for state, offset in zip(states, offsets, strict=False)]
    )
    if not len(kept) or not len(rest):
        return 0.0
    some = rest[np.unique(np.linspace(0, len(rest) - 1, _LEFT_OUT).astype(int))]
    typical = np.median(_distances(some, some))
    return float((_distances(some, kept).min(axis=1) > _FAR * typical).mean())


def _distances(one: States, other: States) -> NDArray[np.float64]:
    """Return the root mean square distances of all pairs of rows; (n, m) of (n, D) and (m, D)."""
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0) / one.shape[1]))
