"""Observation columns that say nothing, say it twice, or say what time it is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.findings.finding import Finding

CONSTANT = 1e-6  # the same share of a column's size as where the reward's standardiser drops a column
_MIN_STEPS = 5
# Of the spread. A clock is the same in all trajectories to the last digits of float32; of 14 recordings, the columns
# that are no clock differ by 0.1 and more.
_SAME_TIME = 1e-4


def constant_columns(demos: Demonstrations) -> list[Finding]:
    """Columns that never vary."""
    found = np.flatnonzero(~varying_columns(demos))
    if not len(found):
        return []
    message = f"{len(found)} of {demos.obs_dim} observation columns never vary: {ranges(found)}"
    if len(found) == demos.obs_dim:
        return [Finding("error", "constant-columns", f"{message}; nothing can be learnt from them", "record it again")]
    mend = f"nothing for rexd, whose reward drops them; for other tools, rexd convert --drop-columns {ranges(found)}"
    return [Finding("info", "constant-columns", message, mend)]


def duplicate_columns(demos: Demonstrations) -> list[Finding]:
    """Columns that equal an earlier one in every row."""
    first: dict[bytes, int] = {}
    pairs = []
    for column in np.flatnonzero(varying_columns(demos)):
        values = np.concatenate([t.observations[:, column] for t in demos])
        original = first.setdefault(values.tobytes(), int(column))
        if original != column:
            pairs.append((int(column), original))
    if not pairs:
        return []
    copies = [copy for copy, _ in pairs]
    message = (
        f"{len(pairs)} observation columns are copies of others ({', '.join(f'{a} of {b}' for a, b in pairs[:5])}"
        f"{', ...' if len(pairs) > 5 else ''}): what they show counts twice"
    )
    return [Finding("info", "duplicate-columns", message, f"rexd convert --drop-columns {ranges(copies)}")]


def time_columns(demos: Demonstrations) -> list[Finding]:
    """Columns that only count the steps, up or down."""
    if demos.offsets:
        return []
    found = find_time_columns(demos)
    if not found:
        return []
    message = (
        f"observation column {ranges(found)} is a clock: it moves evenly with the step, and alike in all trajectories. "
        "A reward and a policy that see it learn when, not what"
    )
    return [Finding("warning", "time-column", message, f"rexd convert --drop-columns {ranges(found)}")]


def find_time_columns(demos: Demonstrations) -> list[int]:
    """Those columns, ascending."""
    longest = max(demos, key=len)
    if len(longest) < _MIN_STEPS:
        return []
    found = []
    steps = np.arange(len(longest))
    for column in np.flatnonzero(varying_columns(demos)):
        clock = longest.observations[:, column].astype(np.float64)
        margin = _SAME_TIME * float(np.ptp(clock))
        evenly = np.abs(clock - np.linspace(clock[0], clock[-1], len(steps))).max() <= margin
        if (
            margin > 0
            and evenly
            and all(np.abs(t.observations[:, column] - clock[: len(t)]).max() <= margin for t in demos)
        ):
            found.append(int(column))
    return found


def ranges(columns: Iterable[int]) -> str:
    """``3,27:111`` for 3 and 27 to 110, as ``--columns`` takes it."""
    parts: list[list[int]] = []
    for column in columns:
        if parts and parts[-1][1] == column:
            parts[-1][1] = int(column) + 1
        else:
            parts.append([int(column), int(column) + 1])
    return ",".join(f"{a}" if b == a + 1 else f"{a}:{b}" for a, b in parts)


def varying_columns(demos: Demonstrations) -> NDArray[np.bool_]:
    """(D,) whether each column takes more than one value."""
    lowest = np.min([t.observations.min(axis=0) for t in demos], axis=0).astype(np.float64)
    highest = np.max([t.observations.max(axis=0) for t in demos], axis=0).astype(np.float64)
    return np.asarray(highest - lowest > CONSTANT * np.maximum(np.maximum(np.abs(lowest), np.abs(highest)), 1.0))
