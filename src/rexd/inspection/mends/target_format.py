"""What a file format cannot hold: refused where values would be lost or made up, and noted where they would not.

Minari and D4RL files hold whole episodes. What only describes the rows (step numbers, rows that a selection set aside,
the number of discrete actions) is left out with a note. A value that was recorded is never dropped without being asked
for, and none is made up that does not say so.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import lengths_of, mapped
from rexd.demos.trajectory import BoolArray, Trajectory
from rexd.errors import DemonstrationError

Target = Literal["minari", "npz", "d4rl"]


def fit_to_format(demos: Demonstrations, target: Target) -> Demonstrations:
    """Demonstrations that reading the file gives back in every array, with a note for all that it cannot hold.

    Args:
        demos: What to write.
        target: The format; rexd's npz holds everything.

    Raises:
        DemonstrationError: The format would lose or make up values. The message names the mend, or the format that
            holds them.
    """
    if target == "npz":
        return demos
    mended = replace(_without_unused(demos), trajectories=mapped(demos.trajectories, lambda _, t: _native(t)))
    seen = _look(mended)
    notes = _minari(mended, seen) if target == "minari" else _d4rl(mended, seen)
    if seen.open:
        mended = replace(mended, trajectories=mapped(mended.trajectories, lambda _, t: _ended(t)))
        notes.append(f"marked the end of {seen.open} of {len(demos)} trajectories, which had none, as truncated")
    if seen.uncounted:
        name = "Minari" if target == "minari" else "D4RL"
        notes.append(
            f"{name} does not keep step numbers: the rows of {seen.uncounted} trajectories will count from 0 on (npz "
            "keeps them)"
        )
    return replace(mended, notes=(*mended.notes, *notes))


@dataclass
class _Seen:
    """What one reading of the trajectories shows; places are (step, trajectory), the first of each kind."""

    unknown: int = 0
    unpaid: int = 0
    open: int = 0
    uncounted: int = 0
    largest: int = 0
    gap: tuple[int, int] | None = None
    """A next observation that is not known, before the last."""
    apart: tuple[int, int] | None = None
    """A next observation that is not the row that follows."""
    unequal: int | None = None
    """A trajectory with next observations of another dtype than its observations."""


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


def _minari(demos: Demonstrations, seen: _Seen) -> list[str]:
    if seen.gap is not None:
        raise DemonstrationError(
            f"{demos.source}: the next observation at step {seen.gap[0]} of trajectory {seen.gap[1]} is not known, and "
            "Minari holds whole episodes; write npz, which holds everything (--to npz)"
        )
    if seen.apart is not None:
        raise DemonstrationError(
            f"{demos.source}: the next observation at step {seen.apart[0]} of trajectory {seen.apart[1]} is not the "
            "row that follows, and Minari keeps one observation for both; write npz, which holds everything (--to npz)"
        )
    if seen.unequal is not None:
        t = demos.trajectories[seen.unequal]
        raise DemonstrationError(
            f"{demos.source}: trajectory {seen.unequal} has {t.observations.dtype} observations and "
            f"{t.next_observations.dtype} next observations, and Minari keeps one array for both; write npz (--to "
            "npz) or D4RL (--to d4rl)"
        )
    notes = []
    if seen.unknown:
        notes.append(
            f"the last next observation of {seen.unknown} of {len(demos)} trajectories is not known: the file repeats "
            "the last observation there, marked as unknown for rexd and for no other tool"
        )
    if seen.unpaid:
        notes.append(
            f"{seen.unpaid} of {len(demos)} trajectories have no rewards: the file says 0, marked as missing for rexd "
            "and for no other tool"
        )
    return notes


def _d4rl(demos: Demonstrations, seen: _Seen) -> list[str]:
    source = demos.source
    if 0 < seen.unpaid < len(demos):
        raise DemonstrationError(
            f"{source}: {seen.unpaid} of {len(demos)} trajectories have no rewards, and D4RL has them for all rows or "
            "none; write npz (--to npz) or Minari (--to minari)"
        )
    if 0 < seen.unknown < len(demos):
        raise DemonstrationError(
            f"{source}: the last next observation of {seen.unknown} of {len(demos)} trajectories is not known, and "
            "D4RL has them for all rows or none; drop all of them (--drop-last-next-observation) or write npz (--to "
            "npz)"
        )
    missing = seen.gap if seen.gap is not None or not seen.unknown else seen.apart
    if missing is not None:
        raise DemonstrationError(
            f"{source}: rows are missing after step {missing[0]} of trajectory {missing[1]}, and D4RL holds those only "
            "where all next observations are known; write npz, which holds everything (--to npz)"
        )
    notes = []
    if seen.unknown:
        notes.append(
            f"the last next observation of {'each' if len(demos) > 1 else 'the'} trajectory is not known: the file has "
            "no next observations, which are the rows that follow"
        )
    if demos.n_actions is not None and seen.largest + 1 != demos.n_actions:
        notes.append(
            f"D4RL does not say that there are {demos.n_actions} actions: without --env they will count as "
            f"{seen.largest + 1}"
        )
    return notes


def _ended(t: Trajectory) -> Trajectory:
    """An episode that neither format can keep open: what ended the recording was not the task."""
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
    """The same values in this machine's byte order, which is what joining arrays makes of any other."""
    arrays = {item.name: getattr(t, item.name) for item in fields(t)}
    foreign = {name: a for name, a in arrays.items() if a is not None and not a.dtype.isnative}
    return replace(t, **{name: a.astype(a.dtype.newbyteorder("=")) for name, a in foreign.items()}) if foreign else t


def _not_following(t: Trajectory) -> BoolArray:
    """Rows within a trajectory whose next observation has other bytes than the row after; (T - 1,)."""
    after, then = t.next_observations[:-1], t.observations[1:].astype(t.next_observations.dtype, copy=False)
    differ = (after != then) | (np.signbit(after) != np.signbit(then))  # 0 and -0 are equal, their bytes are not
    return np.asarray(differ.any(axis=1))


def _first(bad: BoolArray, number: int) -> tuple[int, int] | None:
    found = np.flatnonzero(bad)
    return (int(found[0]), number) if found.size else None
