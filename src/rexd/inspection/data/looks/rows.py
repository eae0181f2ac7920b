"""Findings about rows and trajectories that are stored more than once."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.leaving_out import leave_out
from rexd.inspection.data.looks.still_ends import moving_rows

_MANY = 0.01  # share of the rows; the states of a simulator hardly ever repeat exactly
_NAMED = 5  # pairs that a message names
_COMPARED = 2**24  # largest number of rows that are compared, whose hashes are held in memory

Hashes = NDArray[np.uint64]


@Look
def duplicate_trajectories(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for trajectories with the same observations and actions."""
    copies = _Copies()
    while (t := (yield)) is not None:
        copies.see(t)
    pairs = copies.pairs
    if not pairs:
        return []
    named = ", ".join(f"{copy} is {original}" for copy, original in list(pairs.items())[:_NAMED])
    message = (
        f"{len(pairs)} of {len(demos)} trajectories are stored twice ({named}{', ...' if len(pairs) > _NAMED else ''}"
        "): what is held out to calibrate the reward has been learnt"
    )
    return [Finding("warning", "duplicate-trajectories", message, leave_out(len(demos), pairs))]


@Look
def duplicate_rows(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for rows with the same observation and action; copies of whole trajectories and still ends do not count.

    If there are more than ``_COMPARED`` rows, only rows whose hash is divisible by some number are compared. Equal rows
    have equal hashes, so that the share of repeated rows is that of all rows.
    """
    every = -(-demos.n_transitions // _COMPARED)
    copies, found, within, counted = _Copies(), list[Hashes](), 0, True
    while (t := (yield)) is not None:
        if copies.see(t):
            continue
        between = moving_rows(t)
        hashes = _hashes(t.rows(slice(between.start, between.stop)))
        hashes = hashes[hashes % np.uint64(every) == 0] if every > 1 else hashes
        found.append(hashes)
        within += len(hashes) - len(np.unique(hashes))
        # whole numbers, such as the cells of a grid, are states that are visited again
        counted = counted and bool((t.observations == np.round(t.observations)).all())
    compared = np.concatenate(found)
    compared.sort()
    repeated = int((compared[1:] == compared[:-1]).sum())
    if not repeated:
        return []
    share = repeated / len(compared)
    message = (
        f"{repeated:,} rows ({share:.1%}) repeat the observation and action of another, {within:,} of them within "
        "their own trajectory"
    )
    if every > 1:
        message += f" (of {len(compared):,} that were compared, one in {every})"
    if share < _MANY or counted:
        return [Finding("info", "duplicate-rows", message)]
    message += ": a recorder that writes faster than the task moves, or rows that were drawn with replacement"
    return [
        Finding("warning", "duplicate-rows", message, "rexd fit and rexd train: --subsample K keeps every K-th row")
    ]


class _Copies:
    """The trajectories that are copies: ``pairs`` holds the number of each copy with that of the original."""

    def __init__(self) -> None:
        self.pairs: dict[int, int] = {}
        self._first: dict[bytes, int] = {}
        self._count = 0

    def see(self, t: Trajectory) -> bool:
        """Take the next trajectory, and return whether it is a copy of an earlier one."""
        digest = hashlib.sha256(t.observations.data)
        digest.update(t.actions.data)
        number, self._count = self._count, self._count + 1
        original = self._first.setdefault(digest.digest(), number)
        if original != number:
            self.pairs[number] = original
        return original != number


def _hashes(t: Trajectory) -> Hashes:
    """Return one number for each row, (T,), the same for equal rows: numbers are sorted faster than rows."""
    flat = np.concatenate([t.observations, t.actions.reshape(len(t), -1)], axis=1).astype(np.float64)
    # The addition turns minus zero into zero.
    bits = np.ascontiguousarray(flat + 0.0).view(np.uint64)
    mixed = np.zeros(len(t), np.uint64)
    for column in range(bits.shape[1]):
        mixed = (mixed ^ bits[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
