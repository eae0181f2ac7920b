"""The options that leave single trajectories out, as findings propose them."""

from __future__ import annotations

from collections.abc import Collection

from rexd.inspection.data.looks.columns import ranges

_LONG = 100  # characters after which the numbers are cut short


def leave_out(count: int, numbers: Collection[int]) -> str:
    """Return the option that leaves trajectories out.

    Args:
        count: The number of all trajectories.
        numbers: The numbers of those to leave out. If these are the last ones, the option keeps the first ones instead.
    """
    kept = count - len(numbers)
    if kept and set(map(int, numbers)) == set(range(kept, count)):
        return f"--trajectories {kept}"
    text = ranges(sorted(map(int, numbers)))
    if len(text) > _LONG:
        text = f"{text[:_LONG].rpartition(',')[0]},..."
    return f"rexd convert --leave-out {text}"
