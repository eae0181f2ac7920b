"""The last row of each trajectory, and what ended it.

What a file records comes first; it is completed and corrected by what its rows show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.doubt import Doubt
from rexd.demos.equal_rows import equal_rows
from rexd.demos.trajectory import Array, BoolArray
from rexd.errors import DemonstrationError
from rexd.reading.rows.ends.equal_length import find_boundaries
from rexd.reading.rows.ends.jumps import jumps_at, period_of_jumps
from rexd.reading.rows.ends.unequal_length import find_breaks
from rexd.reading.rows.hints import Hints

_JOINED = 0.5  # share of rows whose next observation must be the next row; it is about 0 where rows were left out
ONE_EPISODE = (
    "taken as one trajectory, since the file is one of several and does not say where trajectories begin; if it holds "
    "more, give episode_length (--episode-length)"
)
"""The note on a file that is one of several and is taken as one trajectory."""


@dataclass(frozen=True, eq=False)
class RecordedEnds:
    """What a file says about the ends of its trajectories; see ``Columns`` for the first four.

    Attributes:
        terminated: (N,) or None.
        truncated: (N,) or None.
        dones: (N,) or None.
        starts: Row numbers, (N,) bool, or None.
        gaps: (N,) as ``find_gaps`` returns it, or None.
    """

    terminated: BoolArray | None = None
    truncated: BoolArray | None = None
    dones: BoolArray | None = None
    starts: Any = None
    gaps: BoolArray | None = None


@dataclass(frozen=True, eq=False)
class Ends:
    """The last row of each trajectory.

    Attributes:
        terminated: (N,) bool, true at the last row of each trajectory that a terminal state ended.
        truncated: (N,) bool, true at the last row of each trajectory that something else ended.
        severed: (N,) bool, true at last rows whose recorded next observation belongs to the next trajectory.
        recorded: Whether the file records the ends; otherwise they were inferred, or given by the user.
        notes: What was found and done, one sentence each, for the user.
    """

    terminated: BoolArray
    truncated: BoolArray
    severed: BoolArray
    recorded: bool
    notes: tuple[str, ...]


def find_ends(source: str, rows: int, observations: Array | None, recorded_ends: RecordedEnds, hints: Hints) -> Ends:
    """Find the ends of trajectories from what a file says and from what its rows show.

    Args:
        source: The file's name, for messages.
        rows: The number of rows, N.
        observations: (N, D) or images; None where they are larger than memory, so that they show no ends.
        recorded_ends: What the file says.
        hints: What the user and the environment know.

    Raises:
        DemonstrationError: The starts are impossible, or nothing shows clearly where trajectories end.
    """
    notes, none = list[str](), np.zeros(rows, np.bool_)
    starts, gaps = recorded_ends.starts, recorded_ends.gaps
    marked = (recorded_ends.terminated, recorded_ends.truncated, recorded_ends.dones)
    term, trunc, done = (none if flags is None else flags for flags in marked)
    term, done = true_at_ends("terminated", term, notes), true_at_ends("dones", done, notes)
    ends, severed = term | trunc | done, none
    given = _given(source, rows, hints.lengths)
    by_hand = given is not None or hints.episode_length is not None
    recorded = starts is not None or bool(ends.any())
    if starts is not None:
        ends = ends | rows_before(source, starts, rows)
    else:
        breaks = none if gaps is None else gaps
        if missing := int((breaks & ~ends).sum()):
            if recorded:
                notes.append(
                    f"{missing} ends of trajectories are not marked, but the next observation is not the row that "
                    "follows: counted as truncated"
                )
            ends, recorded = ends | breaks, True
        if gaps is None and recorded and given is None:
            ends = ends | _ends_by_limit(ends, hints.max_episode_steps, notes)
        elif gaps is not None and not by_hand:  # rows without a gap are of one trajectory, unless a limit denies it
            severed = _ends_at_jumps(observations, ends, hints.max_episode_steps, notes)
            ends = ends | severed
    if given is not None:
        _check_given(source, ends, given, whole=starts is not None)
        notes.append(f"cut into {int(given.sum())} trajectories, of the lengths that were asked for")
        ends = given
    elif not recorded and not severed.any():
        if observations is not None and observations.ndim > 2 and hints.episode_length is None and rows > 1:
            raise DemonstrationError(
                f"{source}: {rows} images are stored end to end, and the file does not say where trajectories begin; "
                "expected ends or starts. Give episode_length (--episode-length)"
            )
        ends = _infer(source, observations, rows, hints, notes, whole=gaps is not None)
    ends[-1] = True
    timeouts = _done_at_limit(done & ~term & ~trunc, ends, hints.max_episode_steps, notes)
    term = term | (done & ~trunc & ~timeouts)
    return Ends(term, (ends & ~term) | trunc, severed, recorded, tuple(notes))


def follows(observations: Array, following: Array) -> BoolArray:
    """Return whether each next observation equals the observation of the following row, (N - 1,)."""
    return equal_rows(observations[1:], following[:-1])


def find_gaps(same: BoolArray | None) -> BoolArray | None:
    """Return the rows whose next observation differs from the following row, (N,).

    Args:
        same: (N - 1,) as ``follows`` returns it; None where next observations are not recorded.

    Returns:
        None where next observations are not recorded, or where so many differ that gaps say nothing about ends.
    """
    return np.append(~same, False) if same is not None and len(same) and same.mean() > _JOINED else None


def true_at_ends(name: str, flags: BoolArray, notes: list[str]) -> BoolArray:
    """Return flags that are true at ends, from flags or from masks that are false at ends, as some tools write."""
    if len(flags) < 3 or np.count_nonzero(flags) <= len(flags) / 2:
        return flags
    notes.append(
        f"{name} are true in {int(flags.sum())} of {len(flags)} rows, as in masks that are "
        "false at the end of an episode: inverted"
    )
    return ~flags


def rows_before(source: str, starts: Any, rows: int) -> BoolArray:
    """Return the last row of each trajectory, which is the row before each start, as (N,) bool."""
    found = np.asarray(starts)
    if found.dtype == np.bool_ and found.shape == (rows,):
        found = np.flatnonzero(found)
    valid = found.ndim == 1 and found.size and found.dtype.kind in "iu"
    if not valid or found[0] != 0 or (np.diff(found) < 1).any() or found[-1] >= rows:
        raise DemonstrationError(
            f"{source}: the starts of the trajectories do not fit {rows} rows; expected ascending row numbers from 0 "
            "on, or one truth value for each row and true in the first. The file is damaged, write it again"
        )
    last = np.zeros(rows, np.bool_)
    last[found[1:] - 1] = True
    return last


def _given(source: str, rows: int, lengths: Sequence[int] | str | None) -> BoolArray | None:
    """Return the ends that lengths given by hand tell, (N,) bool.

    Raises:
        DemonstrationError: They are no numbers of steps, or their sum is not the number of rows.
    """
    if lengths is None:
        return None
    if isinstance(lengths, str):
        raise DemonstrationError(
            f"{source}: has no key {lengths!r} that could hold the lengths of trajectories; expected the lengths "
            "themselves, such as 12,9,15 (--lengths)"
        )
    found = [int(length) for length in lengths]
    if sum(found) != rows or min(found, default=0) < 1:
        raise DemonstrationError(
            f"{source}: has {rows} steps, but the {len(found)} lengths that were given sum to {sum(found)}; expected "
            f"numbers of 1 and more that sum to {rows} (--lengths)"
        )
    ends = np.zeros(rows, np.bool_)
    ends[np.cumsum(found) - 1] = True
    return ends


def _check_given(source: str, ends: BoolArray, given: BoolArray, *, whole: bool) -> None:
    """Refuse lengths that contradict the recorded ends; ``whole`` says that all ends are recorded."""
    if (ends & ~given).any() or (whole and (given & ~ends)[:-1].any()):
        recorded = np.diff(np.flatnonzero(np.append(ends[:-1], True)), prepend=-1)
        raise DemonstrationError(
            f"{source}: records trajectories of {listed(recorded)} steps, but lengths asks for "
            f"{listed(np.diff(np.flatnonzero(given), prepend=-1))}; leave it out (--lengths)"
        )


def listed(lengths: NDArray[np.integer[Any]]) -> str:
    """Return lengths for messages, at most ten of them."""
    return ", ".join(map(str, lengths[:10].tolist())) + (", ..." if len(lengths) > 10 else "")


def _ends_at_jumps(observations: Array | None, ends: BoolArray, limit: int | None, notes: list[str]) -> BoolArray:
    """Return ends by the time limit at which the state jumps although next observations are chained there, (N,)."""
    late = _ends_by_limit(ends, limit, [])
    starts, others = (np.append(False, rows[:-1]) for rows in (late, ends))
    if observations is None or not late.any() or not jumps_at(observations, starts, others):
        return np.zeros(len(ends), np.bool_)
    notes.append(
        f"cut at {int(late.sum())} more rows by the environment's time limit of {limit}: the state jumps there, though "
        "each next observation is the row that follows. The next observation of these rows is the first of the next "
        "trajectory, so that it counts as unknown"
    )
    return late


def _ends_by_limit(ends: BoolArray, limit: int | None, notes: list[str]) -> BoolArray:
    """Return ends within trajectories that are longer than the environment's time limit, (N,) bool.

    Some files mark terminal states alone, so that an end by the time limit is not marked at all.
    """
    extra = np.zeros(len(ends), np.bool_)
    if limit is None or limit < 1:
        return extra
    stops = np.append(np.flatnonzero(ends[:-1]) + 1, len(ends))
    long = [(a, b) for a, b in zip([0, *stops[:-1]], stops, strict=True) if b - a > limit]
    for start, stop in long:
        extra[start + limit - 1 : stop - 1 : limit] = True
    if long:
        notes.append(f"{len(long)} trajectories were longer than the environment's time limit of {limit}: cut there")
    return extra


def _infer(
    source: str, observations: Array | None, rows: int, hints: Hints, notes: list[str], *, whole: bool
) -> BoolArray:
    """Return the ends that the given length or the observations tell, (N,) bool.

    ``whole`` says that no row has a gap after it, so that all rows may be one trajectory.
    """
    ends = np.zeros(rows, np.bool_)
    one_episode = hints.one_episode and (hints.max_episode_steps is None or rows <= hints.max_episode_steps)
    if hints.episode_length is None and one_episode and (hints.like_others or observations is None):
        notes.append(ONE_EPISODE)
        return ends
    if observations is None:
        if hints.episode_length is None:
            raise DemonstrationError(
                f"{source}: does not say where trajectories begin, and is too large for that to be inferred; give "
                "episode_length (--episode-length)"
            )
        observations = np.empty((rows, 0))  # with a given length, find_boundaries does not look at them
    try:
        found = find_boundaries(
            source,
            observations,
            episode_length=hints.episode_length,
            max_episode_steps=hints.max_episode_steps,
        )
    except DemonstrationError:
        if hints.episode_length is not None:
            raise
        if (starts := find_breaks(observations)) is not None:
            notes.append(
                f"inferred {len(starts)} trajectories: a position follows from the row before to the last digits, and "
                "jumps back to the start at the first row of each and nowhere else"
            )
            ends[starts[1:] - 1] = True
            return ends
        if one_episode and not whole:
            notes.append(ONE_EPISODE)
            return ends
        if not whole and not hints.rows_alone:
            raise
        reason = "each next observation is the row that follows" if whole else "nothing shows where others would begin"
        notes.append(f"taken as one trajectory of {len(ends)} steps: {reason}")
        if whole and (period := period_of_jumps(observations)) is not None:
            notes.append(
                Doubt(
                    f"the state jumps after every {period} steps, although each next observation is the row that "
                    f"follows: these may be {-(-rows // period)} trajectories",
                    "chained-trajectories",
                    f"--episode-length {period} if trajectories begin there, or --env, whose time limit tells",
                )
            )
        return ends
    notes.append(found.note)
    ends[found.episode_length - 1 :: found.episode_length] = True
    return ends


def _done_at_limit(done: BoolArray, ends: BoolArray, limit: int | None, notes: list[str]) -> BoolArray:
    """Return the rows marked as done that the environment's time limit ended, (N,) bool."""
    last = np.flatnonzero(ends)
    lengths = np.diff(last, prepend=-1)
    marked = done[last]
    reached = np.zeros(len(done), np.bool_)
    if limit is not None:
        reached[last[marked & (lengths == limit)]] = True
        if count := int(reached.sum()):
            notes.append(
                f"{count} of {len(last)} trajectories are marked as done at the environment's time limit of {limit} "
                "steps: counted as truncated"
            )
    elif marked.sum() > 1 and len(set(lengths[marked])) == 1:
        notes.append(
            f"all trajectories marked as done have {lengths[marked][0]} steps, as a time limit makes them: counted as "
            "terminated, unless the environment is named and says so (--env)"
        )
    return reached
