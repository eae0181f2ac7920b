"""What a file format cannot hold: refused where values would be lost or made up, and noted where they would not.

Minari and D4RL files hold whole episodes. What only describes the rows (step numbers, rows that a selection set aside,
the number of discrete actions) is left out with a note. A value that was recorded is never dropped without being asked
for, and none is made up that does not say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Literal

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
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
    mended = _native(_without_unused(demos))
    mended = _minari(mended) if target == "minari" else _d4rl(mended)
    return _noted(_marked_ends(mended), _steps_note(demos, target))


def _minari(demos: Demonstrations) -> Demonstrations:
    for number, t in enumerate(demos):
        step = _first(lambda a: ~a.next_known[:-1], t)
        if step is not None:
            raise DemonstrationError(
                f"{demos.source}: the next observation at step {step} of trajectory {number} is not known, and Minari "
                "holds whole episodes; write npz, which holds everything (--to npz)"
            )
        step = _first(_not_following, t)
        if step is not None:
            raise DemonstrationError(
                f"{demos.source}: the next observation at step {step} of trajectory {number} is not the row that "
                "follows, and Minari keeps one observation for both; write npz, which holds everything (--to npz)"
            )
        if t.observations.dtype != t.next_observations.dtype:
            raise DemonstrationError(
                f"{demos.source}: trajectory {number} has {t.observations.dtype} observations and "
                f"{t.next_observations.dtype} next observations, and Minari keeps one array for both; write npz (--to "
                "npz) or D4RL (--to d4rl)"
            )
    unknown = sum(not t.next_known[-1] for t in demos)
    unpaid = sum(t.rewards is None for t in demos)
    return _noted(
        demos,
        f"the last next observation of {unknown} of {len(demos)} trajectories is not known: the file repeats the last "
        "observation there, marked as unknown for rexd and for no other tool"
        if unknown
        else None,
        f"{unpaid} of {len(demos)} trajectories have no rewards: the file says 0, marked as missing for rexd and for "
        "no other tool"
        if unpaid
        else None,
    )


def _d4rl(demos: Demonstrations) -> Demonstrations:
    source, unknown = demos.source, sum(not t.next_known[-1] for t in demos)
    unpaid = sum(t.rewards is None for t in demos)
    if 0 < unpaid < len(demos):
        raise DemonstrationError(
            f"{source}: {unpaid} of {len(demos)} trajectories have no rewards, and D4RL has them for all rows or none; "
            "write npz (--to npz) or Minari (--to minari)"
        )
    if 0 < unknown < len(demos):
        raise DemonstrationError(
            f"{source}: the last next observation of {unknown} of {len(demos)} trajectories is not known, and D4RL "
            "has them for all rows or none; drop all of them (--drop-last-next-observation) or write npz (--to npz)"
        )
    for number, t in enumerate(demos):
        step = _first(lambda a: ~a.next_known[:-1], t)
        if step is None and unknown:
            step = _first(_not_following, t)
        if step is not None:
            raise DemonstrationError(
                f"{source}: rows are missing after step {step} of trajectory {number}, and D4RL holds those only where "
                "all next observations are known; write npz, which holds everything (--to npz)"
            )
    largest = None if demos.n_actions is None else max(int(t.actions.max()) for t in demos) + 1
    return _noted(
        demos,
        f"the last next observation of {'each' if len(demos) > 1 else 'the'} trajectory is not known: the file has no "
        "next observations, which are the rows that follow"
        if unknown
        else None,
        f"D4RL does not say that there are {demos.n_actions} actions: without --env they will count as {largest}"
        if largest is not None and largest != demos.n_actions
        else None,
    )


def _marked_ends(demos: Demonstrations) -> Demonstrations:
    """Episodes that neither format can keep open: what ended the recording was not the task."""
    count = sum(not (t.terminated[-1] or t.truncated[-1]) for t in demos)
    if not count:
        return demos

    def mark(t: Trajectory) -> Trajectory:
        truncated = t.truncated.copy()
        truncated[-1] |= not t.terminated[-1]
        return replace(t, truncated=truncated)

    marked = replace(demos, trajectories=tuple(map(mark, demos)))
    return _noted(marked, f"marked the end of {count} of {len(demos)} trajectories, which had none, as truncated")


def _without_unused(demos: Demonstrations) -> Demonstrations:
    if not demos.unused:
        return demos
    rows = sum(map(len, demos.unused))
    return _noted(
        replace(demos, unused=()),
        f"left out {rows} rows that an earlier selection had set aside, which only npz keeps (--to npz)",
    )


def _native(demos: Demonstrations) -> Demonstrations:
    """The same values in this machine's byte order, which is what joining arrays makes of any other."""

    def turn(t: Trajectory) -> Trajectory:
        arrays = {item.name: getattr(t, item.name) for item in fields(t)}
        foreign = {name: a for name, a in arrays.items() if a is not None and not a.dtype.isnative}
        return (
            replace(t, **{name: a.astype(a.dtype.newbyteorder("=")) for name, a in foreign.items()}) if foreign else t
        )

    return replace(demos, trajectories=tuple(map(turn, demos)))


def _steps_note(demos: Demonstrations, target: Target) -> str | None:
    count = sum(not np.array_equal(t.steps, np.arange(len(t))) for t in demos)
    name = "Minari" if target == "minari" else "D4RL"
    return (
        f"{name} does not keep step numbers: the rows of {count} trajectories will count from 0 on (npz keeps them)"
        if count
        else None
    )


def _not_following(t: Trajectory) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Rows within a trajectory whose next observation has other bytes than the row after; (T - 1,)."""
    after, then = t.next_observations[:-1], t.observations[1:].astype(t.next_observations.dtype, copy=False)
    differ = (after != then) | (np.signbit(after) != np.signbit(then))  # 0 and -0 are equal, their bytes are not
    return np.asarray(differ.any(axis=1))


def _first(bad: Callable[[Trajectory], np.ndarray[tuple[int, ...], np.dtype[np.bool_]]], t: Trajectory) -> int | None:
    found = np.flatnonzero(bad(t))
    return int(found[0]) if found.size else None


def _noted(demos: Demonstrations, *notes: str | None) -> Demonstrations:
    return replace(demos, notes=(*demos.notes, *(note for note in notes if note is not None)))
