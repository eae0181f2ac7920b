"""Rows and trajectories that are stored more than once."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.findings.finding import Finding
from rexd.demos.trajectory import Trajectory

_MANY = 0.01  # none of 14 recordings repeats a single row: states of a simulator are never the same twice
_NAMED = 5


def duplicate_trajectories(demos: Demonstrations) -> list[Finding]:
    """Trajectories with the same observations and actions."""
    pairs = _copies(demos)
    if not pairs:
        return []
    named = ", ".join(f"{copy} is {original}" for copy, original in list(pairs.items())[:_NAMED])
    message = (
        f"{len(pairs)} of {len(demos)} trajectories are stored twice ({named}{', ...' if len(pairs) > _NAMED else ''}"
        "): what is held out to calibrate the reward has been learnt"
    )
    kept = len(demos) - len(pairs)
    last = set(pairs) == set(range(kept, len(demos)))
    mend = f"--trajectories {kept}" if last else "leave the copies out of Demonstrations(...) and save it again"
    return [Finding("warning", "duplicate-trajectories", message, mend)]


def duplicate_rows(demos: Demonstrations) -> list[Finding]:
    """Rows with the same observation and action, apart from those of copied trajectories."""
    copies = _copies(demos)
    kept = [t for number, t in enumerate(demos) if number not in copies]
    hashes = np.concatenate([_hashes(t) for t in kept])
    unique = len(np.unique(hashes))
    repeated = len(hashes) - unique
    if not repeated:
        return []
    within = sum(len(t) - len(np.unique(_hashes(t))) for t in kept)
    share = repeated / len(hashes)
    message = (
        f"{repeated:,} rows ({share:.1%}) repeat the observation and action of another, {within:,} of them within "
        "their own trajectory"
    )
    # states that are counted, as in a grid, are visited again
    counted = all(bool((t.observations == np.round(t.observations)).all()) for t in kept)
    if share < _MANY or counted:
        return [Finding("info", "duplicate-rows", message)]
    message += ": a recorder that writes faster than the task moves, or rows that were drawn with replacement"
    return [
        Finding("warning", "duplicate-rows", message, "rexd fit and rexd train: --subsample K keeps every K-th row")
    ]


def _copies(demos: Demonstrations) -> dict[int, int]:
    """The number of each trajectory that is a copy, with the number of the original."""
    first: dict[bytes, int] = {}
    found = {}
    for number, t in enumerate(demos):
        digest = hashlib.sha256(t.observations.tobytes() + t.actions.tobytes()).digest()
        original = first.setdefault(digest, number)
        if original != number:
            found[number] = original
    return found


def _hashes(t: Trajectory) -> NDArray[np.uint64]:
    """(T,) one number for each row, equal where rows are; sorting numbers is far quicker than sorting rows."""
    flat = np.concatenate([t.observations, t.actions.reshape(len(t), -1)], axis=1).astype(np.float64)
    # minus zero is zero
    bits = np.ascontiguousarray(flat + 0.0).view(np.uint64)
    mixed = np.zeros(len(t), np.uint64)
    for column in range(bits.shape[1]):
        mixed = (mixed ^ bits[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
