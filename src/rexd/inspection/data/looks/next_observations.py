"""Findings about next observations, compared with the observations around them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.equal_rows import equal_rows
from rexd.demos.trajectory import Array, Trajectory
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.still_ends import moving_rows

_MOST = 0.5  # share of the rows
_AT_REST = 0.05  # share of the rows: a body may lie still, in the same state before and after a step


@Look
def repeated_observations(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for rows whose next observation is their own observation.

    Observations are late where the row that follows has moved on, though the next observation has not. Where it has not
    moved either, nothing moves; rows at the ends that stand still are another finding.
    """
    known = same = moved = late = 0
    while (t := (yield)) is not None:
        repeats = equal_rows(t.observations, t.next_observations) & t.next_known
        moves = ~equal_rows(t.observations[1:], t.observations[:-1]) & t.next_known[:-1]
        moved += int(moves.sum())
        late += int((moves & repeats[:-1]).sum())
        between = moving_rows(t)
        known += int(t.next_known[between.start : between.stop].sum())
        same += int(repeats[between.start : between.stop].sum())
    if moved and late > _MOST * moved:
        message = (
            f"in {late / moved:.1%} of the rows that move, the next observation is the observation itself: "
            "observations were stored after the step instead of before it (often one array that the environment "
            "overwrites)"
        )
        return [Finding("error", "late-observations", message, "rexd convert --shift-actions 1")]
    share = same / known if known else 0.0
    if share > _AT_REST:
        message = f"in {share:.1%} of the rows the next observation is the observation itself: nothing moves there"
        return [Finding("info", "standing-still", message)]
    return []


@Look
def gaps(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for rows within a trajectory whose next observation is not the observation of the following row."""
    count = rows = number = 0
    where = ""
    while (t := (yield)) is not None:
        apart = np.flatnonzero(~equal_rows(t.next_observations[:-1], t.observations[1:]) & t.next_known[:-1])
        if len(apart) and not count:
            where = f"the first at step {apart[0]} of trajectory {number}"
        count += len(apart)
        rows += len(t) - 1
        number += 1
    if not count or demos.offsets:  # rows that rexd left out in subsampling are no finding
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
    """Look for last next observations that were seen after an automatic reset.

    They are the first observation of the next trajectory.
    """
    count = yield from _count_pairs(demos, lambda before, after: _joined(before, after) and not _stale(before, after))
    if not count:
        return []
    message = (
        f"the last next observation of {count} of {len(demos)} trajectories is the first observation of "
        "the next one: it was observed after the reset"
    )
    return [Finding("warning", "next-episode-observation", message, "rexd convert --drop-last-next-observation")]


@Look
def stale_first_observations(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for first observations that are older than the reset: they are the last of the trajectory before."""
    count = yield from _count_pairs(demos, _stale)
    if not count:
        return []
    message = (
        f"the first observation of {count} of {len(demos)} trajectories is the last one of the trajectory before: "
        "it is older than the reset"
    )
    return [Finding("warning", "stale-first-observation", message, "rexd convert --drop-first-rows 1")]


def _count_pairs(demos: Demonstrations, is_odd: Callable[[Trajectory, Trajectory], bool]) -> Looking[int]:
    """Count consecutive trajectories that are odd together; 0 for demonstrations that rexd subsampled.

    Args:
        demos: The demonstrations.
        is_odd: Called with the last row of a trajectory and with the next trajectory.
    """
    before, count = None, 0
    while (t := (yield)) is not None:
        count += before is not None and is_odd(before, t)
        before = t.rows(slice(-1, None))
    return 0 if demos.offsets else count


def _joined(before: Trajectory, after: Trajectory) -> bool:
    """Return whether the last next observation is the first observation of the next trajectory."""
    return bool(before.next_known[-1] and equal_rows(before.next_observations[-1:], after.observations[:1])[0])


def _stale(before: Trajectory, after: Trajectory) -> bool:
    """Return whether the first observation of a trajectory belongs to the trajectory before."""
    first = after.observations[:1]
    if equal_rows(before.observations[-1:], first)[0]:
        return True
    if len(after) < 2 or not _joined(before, after):
        return False
    # The same observation is on both sides of the reset. It is older than the reset if the jump comes after it.
    into = _distance(before.observations[-1:], first)
    return _distance(first, after.observations[1:2]) > into


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(np.float64) - b).sum())
