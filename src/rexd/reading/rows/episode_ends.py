"""Which rows are the last of their trajectory, and what ended it: what files record, corrected by what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rexd.demos.trajectory import Array, BoolArray
from rexd.errors import DemonstrationError
from rexd.reading.rows.equal_length import find_boundaries
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.unequal_length import find_breaks

_JOINED = 0.5  # of rows; a thinned recording has next observations that are never the row that follows


@dataclass(frozen=True, eq=False)
class Ends:
    """The last row of each trajectory.

    Attributes:
        terminated: (N,) true at the last row of trajectories that a terminal state ended.
        truncated: (N,) true at the last row of those that something else ended.
        recorded: Whether the file records them; otherwise they were inferred, or given by the user.
        notes: What was found and done, one sentence each, for the user.
    """

    terminated: BoolArray
    truncated: BoolArray
    recorded: bool
    notes: tuple[str, ...]


def find_ends(
    source: str,
    observations: Array | None,
    gaps: BoolArray | None,
    *,
    rows: int,
    terminated: BoolArray | None,
    truncated: BoolArray | None,
    dones: BoolArray | None,
    starts: Any,
    hints: Hints,
) -> Ends:
    """Combine what a file says and shows about the ends of its trajectories; see ``from_steps``.

    Args:
        source: The file's name, for messages.
        observations: (N, D); None where they are larger than memory, and nothing can be inferred from them.
        gaps: (N,) of ``gaps_of``.
        rows: N.
        terminated: (N,) or None, as the file has them; so the others.
        truncated: See ``from_steps``.
        dones: See ``from_steps``.
        starts: See ``from_steps``.
        hints: What the user and the environment know.

    Raises:
        DemonstrationError: The starts are impossible, or nothing shows clearly where trajectories end.
    """
    notes, none = list[str](), np.zeros(rows, np.bool_)
    terminated, dones = _upright("terminated", terminated, notes), _upright("dones", dones, notes)
    term, trunc, done = (none if flags is None else flags for flags in (terminated, truncated, dones))
    ends = term | trunc | done
    recorded = starts is not None or bool(ends.any())
    if starts is not None:
        ends = ends | _before(source, starts, rows)
    else:
        breaks = none if gaps is None else gaps
        if missing := int((breaks & ~ends).sum()):
            if recorded:
                notes.append(
                    f"{missing} ends of trajectories are not marked, but the next observation is not the row that "
                    "follows: counted as truncated"
                )
            ends, recorded = ends | breaks, True
        if recorded and gaps is None:  # otherwise rows that join are known to be of one trajectory
            ends = ends | _beyond_limit(ends, hints.max_episode_steps, notes)
    if not recorded:
        ends = _infer(source, observations, rows, hints, notes, whole=gaps is not None)
    ends[-1] = True
    timeouts = _at_limit(done & ~term & ~trunc, ends, hints.max_episode_steps, notes)
    term = term | (done & ~trunc & ~timeouts)
    return Ends(term, (ends & ~term) | trunc, recorded, tuple(notes))


def follows(observations: Array, following: Array) -> BoolArray:
    """Whether each next observation is the following row's observation, as far as the coarser dtype tells; (N - 1,)."""
    return equal_rows(observations[1:], following[:-1])


def equal_rows(one: Array, other: Array) -> BoolArray:
    """Whether rows of as many columns are equal, as far as the coarser dtype tells; (N,)."""
    coarse = min(one.dtype, other.dtype, key=lambda dtype: dtype.itemsize)
    with np.errstate(over="ignore"):
        differ = one.astype(coarse, copy=False) != other.astype(coarse, copy=False)
    differ = differ.reshape(len(one), int(np.prod(one.shape[1:])))  # no -1: there may be no rows
    if np.count_nonzero(differ) > len(differ):
        return np.asarray(~differ.any(axis=1))
    same = np.ones(len(differ), np.bool_)  # few differ: far quicker than asking each row
    same[np.flatnonzero(differ) // max(differ.shape[1], 1)] = False
    return same


def _upright(name: str, flags: BoolArray | None, notes: list[str]) -> BoolArray | None:
    """Flags that are true at ends; some tools write masks that are true everywhere else."""
    if flags is None or len(flags) < 3 or np.count_nonzero(flags) <= len(flags) / 2:
        return flags
    notes.append(
        f"{name} are true in {int(flags.sum())} of {len(flags)} rows, as masks of what goes on are: taken the other "
        "way round"
    )
    return ~flags


def _before(source: str, starts: Any, rows: int) -> BoolArray:
    """The rows before the starts: the last ones of the trajectories."""
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


def gaps_of(same: BoolArray | None) -> BoolArray | None:
    """Rows whose next observation is not the row that follows, (N,); None where that says nothing about the ends.

    Args:
        same: (N - 1,) of ``follows``; None where next observations are not recorded.
    """
    return np.append(~same, False) if same is not None and len(same) and same.mean() > _JOINED else None


def _beyond_limit(ends: BoolArray, limit: int | None, notes: list[str]) -> BoolArray:
    """Ends within trajectories that are longer than the environment lets them be: nothing marks its time limit."""
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
    ends = np.zeros(rows, np.bool_)
    if observations is None:
        if hints.episode_length is None:
            raise DemonstrationError(
                f"{source}: does not say where trajectories begin, and is too large for that to be inferred; give "
                "episode_length (--episode-length)"
            )
        observations = np.empty((rows, 0))  # a length that is given needs no look at them
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
        if not whole:
            raise
        notes.append(f"taken as one trajectory of {len(ends)} steps: each next observation is the row that follows")
        return ends
    notes.append(found.note)
    ends[found.episode_length - 1 :: found.episode_length] = True
    return ends


def _at_limit(done: BoolArray, ends: BoolArray, limit: int | None, notes: list[str]) -> BoolArray:
    """Which of the rows marked as done are ends by the environment's time limit."""
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
