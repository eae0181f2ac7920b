"""Fitting demonstrations to a file format: what would be lost or made up is refused, and what is left out is noted.

Minari and D4RL files hold whole episodes. What only describes the rows (step numbers, rows that a selection set aside,
the number of discrete actions) is left out with a note. A recorded value is never dropped unless the user asks for it,
and no value is made up without a note that says so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import lengths_of, mapped
from rexd.demos.trajectory import BoolArray, Trajectory
from rexd.errors import DemonstrationError
from rexd.reading.formats import WRITTEN


def fit_to_format(demos: Demonstrations, target: str) -> Demonstrations:
    """Return demonstrations whose arrays survive being written and read, with a note for all that does not.

    Args:
        demos: The demonstrations to write.
        target: The short name of the format, a key of ``rexd.reading.formats.WRITTEN``: ``"npz"``, which holds
            everything, ``"minari"`` or ``"d4rl"``.

    Raises:
        DemonstrationError: The format would lose or make up values. The message names the mend, or the format that
            holds them.
    """
    item = WRITTEN[target]
    if item.holds == "everything":
        return demos
    if not demos.has_actions:
        raise DemonstrationError(
            f"{demos.source}: there are no actions, and {item.tool} has some for each step; write npz, which holds "
            "states alone (--to npz)"
        )
    mended = replace(_without_unused(demos), trajectories=mapped(demos.trajectories, lambda _, t: _native(t)))
    seen = _look(mended)
    check = _check_episodes if item.holds == "episodes" else _check_rows
    notes = check(item.tool, mended, seen)
    if seen.open:
        mended = replace(mended, trajectories=mapped(mended.trajectories, lambda _, t: _ended(t)))
        notes.append(f"marked the end of {seen.open} of {len(demos)} trajectories, which had none, as truncated")
    if seen.uncounted:
        notes.append(
            f"{item.tool} does not keep step numbers: the rows of {seen.uncounted} trajectories will count from 0 on "
            "(npz keeps them)"
        )
    return replace(mended, notes=(*mended.notes, *notes))


@dataclass
class _Seen:
    """What one pass over the trajectories finds.

    Attributes:
        unknown: Number of trajectories whose last next observation is not known.
        unpaid: Number of trajectories without rewards.
        open: Number of trajectories whose last step is neither terminated nor truncated.
        uncounted: Number of trajectories whose step numbers are not 0, 1, 2, ...
        largest: The largest discrete action.
        gap: (step, trajectory) of the first next observation that is not known and is not the last.
        apart: (step, trajectory) of the first next observation that differs from the row that follows it.
        unequal: The first trajectory whose next observations have another dtype than its observations.
    """

    unknown: int = 0
    unpaid: int = 0
    open: int = 0
    uncounted: int = 0
    largest: int = 0
    gap: tuple[int, int] | None = None
    apart: tuple[int, int] | None = None
    unequal: int | None = None


def _look(demos: Demonstrations) -> _Seen:
    seen = _Seen()
    for number, t in enumerate(demos):
        seen.unknown += not t.next_known[-1]
        seen.unpaid += t.rewards is None
        seen.open += not (t.terminated[-1] or t.truncated[-1])
        seen.uncounted += not np.array_equal(t.steps, np.arange(len(t)))
        seen.largest = max(seen.largest, int(t.actions.max())) if t.actions.ndim == 1 else 0
        if seen.gap is None:
            seen.gap = _first(~t.next_known[:-1], number)
        if seen.apart is None:
            seen.apart = _first(_not_following(t), number)
        if seen.unequal is None and t.observations.dtype != t.next_observations.dtype:
            seen.unequal = number
    return seen


def _check_episodes(tool: str, demos: Demonstrations, seen: _Seen) -> list[str]:
    """Refuse what whole episodes with one array of observations cannot hold, and return the notes for the rest."""
    if seen.gap is not None:
        raise DemonstrationError(
            f"{demos.source}: the next observation at step {seen.gap[0]} of trajectory {seen.gap[1]} is not known, and "
            f"{tool} holds whole episodes; write npz, which holds everything (--to npz)"
        )
    if seen.apart is not None:
        raise DemonstrationError(
            f"{demos.source}: the next observation at step {seen.apart[0]} of trajectory {seen.apart[1]} is not the "
            f"row that follows, and {tool} keeps one observation for both; write npz, which holds everything (--to "
            "npz)"
        )
    if seen.unequal is not None:
        t = demos.trajectories[seen.unequal]
        raise DemonstrationError(
            f"{demos.source}: trajectory {seen.unequal} has {t.observations.dtype} observations and "
            f"{t.next_observations.dtype} next observations, and {tool} keeps one array for both; write npz (--to "
            "npz) or D4RL (--to d4rl)"
        )
    notes = []
    if seen.unknown:
        notes.append(
            f"the last next observation of {seen.unknown} of {len(demos)} trajectories is not known: the file repeats "
            "the last observation there and marks it as unknown, which only rexd reads"
        )
    if seen.unpaid:
        notes.append(
            f"{seen.unpaid} of {len(demos)} trajectories have no rewards: the file says 0 and marks them as missing, "
            "which only rexd reads"
        )
    return notes


def _check_rows(tool: str, demos: Demonstrations, seen: _Seen) -> list[str]:
    """Refuse what rows end to end, each kind for all or for none, cannot hold, and return the notes for the rest."""
    source = demos.source
    if 0 < seen.unpaid < len(demos):
        raise DemonstrationError(
            f"{source}: {seen.unpaid} of {len(demos)} trajectories have no rewards, and {tool} has them for all rows "
            "or none; write npz (--to npz) or Minari (--to minari)"
        )
    if 0 < seen.unknown < len(demos):
        raise DemonstrationError(
            f"{source}: the last next observation of {seen.unknown} of {len(demos)} trajectories is not known, and "
            f"{tool} has them for all rows or none; drop all of them (--drop-last-next-observation) or write npz (--to "
            "npz)"
        )
    missing = seen.gap if seen.gap is not None or not seen.unknown else seen.apart
    if missing is not None:
        raise DemonstrationError(
            f"{source}: rows are missing after step {missing[0]} of trajectory {missing[1]}, and {tool} can only hold "
            "such a trajectory if all next observations are known; write npz, which holds everything (--to npz)"
        )
    notes = []
    if seen.unknown:
        notes.append(
            f"the last next observation of {'each' if len(demos) > 1 else 'the'} trajectory is not known: the file "
            "leaves next observations out, which are the rows that follow"
        )
    if isinstance(demos.n_actions, int) and seen.largest + 1 != demos.n_actions:
        notes.append(
            f"{tool} does not say that there are {demos.n_actions} actions: without --env they will count as "
            f"{seen.largest + 1}"
        )
    return notes


def _ended(t: Trajectory) -> Trajectory:
    """Mark an episode without an end as truncated, as neither format can leave it open.

    The recording ended without a terminal state, so the episode was truncated.
    """
    truncated = t.truncated.copy()
    truncated[-1] |= not t.terminated[-1]
    return replace(t, truncated=truncated)


def _without_unused(demos: Demonstrations) -> Demonstrations:
    if not len(demos.unused):
        return demos
    rows = int(lengths_of(demos.unused).sum())
    note = f"left out {rows} rows that an earlier selection had set aside, which only npz keeps (--to npz)"
    return replace(demos, unused=(), notes=(*demos.notes, note))


def _native(t: Trajectory) -> Trajectory:
    """Return the same values in this machine's byte order, to which joining arrays converts any other."""
    arrays = {item.name: getattr(t, item.name) for item in fields(t)}
    foreign = {name: a for name, a in arrays.items() if a is not None and not a.dtype.isnative}
    return replace(t, **{name: a.astype(a.dtype.newbyteorder("=")) for name, a in foreign.items()}) if foreign else t


def _not_following(t: Trajectory) -> BoolArray:
    """Return (T - 1,) whether each next observation within a trajectory has other bytes than the row after it."""
    after, then = t.next_observations[:-1], t.observations[1:].astype(t.next_observations.dtype, copy=False)
    differ = (after != then) | (np.signbit(after) != np.signbit(then))  # 0 and -0 are equal, their bytes are not
    return np.asarray(differ.any(axis=1))


def _first(bad: BoolArray, number: int) -> tuple[int, int] | None:
    found = np.flatnonzero(bad)
    return (int(found[0]), number) if found.size else None
