"""The option that leaves single trajectories out."""

from __future__ import annotations

from collections.abc import Collection

from rexd.inspection.data.columns import ranges

_LONG = 100  # characters


def leave_out(count: int, numbers: Collection[int]) -> str:
    """How to leave these of ``count`` trajectories out: fewer trajectories where they are the last ones."""
    kept = count - len(numbers)
    if kept and set(map(int, numbers)) == set(range(kept, count)):
        return f"--trajectories {kept}"
    text = ranges(sorted(map(int, numbers)))
    if len(text) > _LONG:
        text = f"{text[:_LONG].rpartition(',')[0]},..."
    return f"rexd convert --leave-out {text}"
