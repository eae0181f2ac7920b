"""Next observations that are not what comes next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array, Trajectory
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking

_MOST = 0.5
_AT_REST = 0.05  # of rows: a body may lie still, the same state before and after


@Look
def repeated_observations(demos: Demonstrations) -> Looking[list[Finding]]:
    """Rows whose next observation is their own observation."""
    known = same = 0
    while (t := (yield)) is not None:
        known += int(t.next_known.sum())
        same += int((_same(t.observations, t.next_observations) & t.next_known).sum())
    share = same / known if known else 0.0
    if share > _MOST:
        message = (
            f"in {share:.1%} of the rows the next observation is the observation itself: observations were stored "
            "after the step in place of before it (often one array that the environment overwrites)"
        )
        return [Finding("error", "late-observations", message, "rexd convert --shift-actions 1")]
    if share > _AT_REST:
        message = f"in {share:.1%} of the rows the next observation is the observation itself: nothing moves there"
        return [Finding("info", "standing-still", message)]
    return []


@Look
def gaps(demos: Demonstrations) -> Looking[list[Finding]]:
    """Rows within a trajectory whose next observation is not the following row's observation."""
    count = rows = number = 0
    where = ""
    while (t := (yield)) is not None:
        apart = np.flatnonzero(~_same(t.next_observations[:-1], t.observations[1:]) & t.next_known[:-1])
        if len(apart) and not count:
            where = f"the first at step {apart[0]} of trajectory {number}"
        count += len(apart)
        rows += len(t) - 1
        number += 1
    if not count or demos.offsets:  # subsampled by rexd
        return []
    if count > _MOST * rows:
        message = (
            f"{count / rows:.1%} of the next observations are not the observation of the row that follows: rows were "
            "left out or shuffled. Each row is a true step, but nothing that needs their order can be checked"
        )
        return [Finding("info", "thinned", message)]
    message = (
        f"{count:,} next observations within trajectories are not the observation of the row that follows, {where}: "
        "ends that are not marked, or rows that are missing"
    )
    return [Finding("warning", "gaps", message, "rexd convert --episode-length N, where all trajectories are equal")]


@Look
def next_episode_observations(demos: Demonstrations) -> Looking[list[Finding]]:
    """Last next observations that are the first observation of the next trajectory: seen after an automatic reset."""
    before, count = None, 0
    while (t := (yield)) is not None:
        count += before is not None and _joined(before, t) and not _stale(before, t)
        before = t.rows(slice(-1, None))
    if demos.offsets or not count:
        return []
    message = (
        f"the last next observation of {count} of {len(demos)} trajectories is the first observation of "
        "the next one: it was observed after the reset"
    )
    return [Finding("warning", "next-episode-observation", message, "rexd convert --drop-last-next-observation")]


@Look
def stale_first_observations(demos: Demonstrations) -> Looking[list[Finding]]:
    """First observations that are the last ones of the trajectory before: older than the reset."""
    before, count = None, 0
    while (t := (yield)) is not None:
        count += before is not None and _stale(before, t)
        before = t.rows(slice(-1, None))
    if demos.offsets or not count:
        return []
    message = (
        f"the first observation of {count} of {len(demos)} trajectories is the last one of the trajectory before: "
        "it is older than the reset"
    )
    return [Finding("warning", "stale-first-observation", message, "rexd convert --drop-first-rows 1")]


def _joined(before: Trajectory, after: Trajectory) -> bool:
    return bool(before.next_known[-1] and _same(before.next_observations[-1:], after.observations[:1])[0])


def _stale(before: Trajectory, after: Trajectory) -> bool:
    first = after.observations[:1]
    if _same(before.observations[-1:], first)[0]:
        return True
    if len(after) < 2 or not _joined(before, after):
        return False
    # One observation is on both sides of the reset: it is older than the reset if the jump comes after it.
    into = _distance(before.observations[-1:], first)
    return _distance(first, after.observations[1:2]) > into


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(np.float64) - b).sum())


def _same(a: Array, b: Array) -> NDArray[np.bool_]:
    """(n, D), (n, D) -> (n,), as far as the coarser dtype tells."""
    coarse = min(a.dtype, b.dtype, key=lambda dtype: dtype.itemsize)
    return np.asarray((a.astype(coarse) == b.astype(coarse)).all(axis=1))
