"""Rows that are stored end to end in a file larger than memory, cut into trajectories while they are read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.equal_rows import equal_rows
from rexd.demos.streamed import BLOCK_ROWS, Numbers, Streamed
from rexd.demos.trajectory import Array, BoolArray, Trajectory, check_alike
from rexd.reading.rows.columns import NormalColumns
from rexd.reading.rows.ends.episode_ends import Ends, RecordedEnds, find_ends, find_gaps
from rexd.reading.rows.from_steps import as_next_observations, check_lengths, cut
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.normalise import as_actions, as_observations, as_rewards

Rows = Callable[[str, int, int], Array]
"""``rows(role, start, stop)`` reads some rows of one column of an open file."""


def from_blocks(
    source_name: str,
    rows: int,
    present: Collection[str],
    opened: Callable[[], AbstractContextManager[Rows]],
    *,
    recorded: RecordedEnds,
    hints: Hints,
    notes: Sequence[str] = (),
) -> Demonstrations:
    """Make demonstrations as ``from_steps`` does, but keep nothing in memory except for the ends of trajectories.

    The file must record the ends: they are not inferred from the observations.

    Args:
        source_name: The file's name, for messages.
        rows: The number of rows, N, which all columns have.
        present: The columns that the file has, by the names of ``RecordedColumns``; observations and actions at least.
        opened: Opens the file for the duration of a ``with`` block, and returns the function that reads its rows.
        recorded: What the file says about the ends of trajectories.
        hints: What the user and the environment know.
        notes: What the format did to the data before, for the user.

    Raises:
        DemonstrationError: Nothing says where trajectories begin. Errors in the columns are raised when they are read.
    """
    same = None
    if "next_observations" in present:
        with opened() as read:
            same = _follows(source_name, rows, read)
    ends = find_ends(source_name, rows, None, replace(recorded, gaps=find_gaps(same)), hints)
    stops = np.flatnonzero(ends.terminated | ends.truncated) + 1
    lengths = np.diff(stops, prepend=0)

    def pieces(numbers: Numbers) -> Generator[Trajectory, None, None]:
        with opened() as read:
            for some in _blocks(numbers, lengths):
                start, stop = int(stops[some[0]] - lengths[some[0]]), int(stops[some[-1]])
                block = slice(start, stop)
                columns = _read_block(source_name, read, present, block, hints)
                block_ends = Ends(ends.terminated[block], ends.truncated[block], ends.severed[block], ends.recorded, ())
                yield from cut(source_name, block_ends, columns, first=int(some[0]))

    first = next(pieces(np.zeros(1, np.intp)))

    def alike(numbers: Numbers) -> Generator[Trajectory, None, None]:
        found = zip(numbers, pieces(numbers), strict=True)
        return (check_alike(source_name, int(number), t, first) for number, t in found)

    demos = Demonstrations(Streamed(lengths, alike), source=source_name, notes=(*ends.notes, *notes))
    if ends.recorded:
        check_lengths(demos, replace(hints, lengths=None))
    return demos


def _follows(source: str, rows: int, read: Rows) -> BoolArray:
    """Return whether each next observation equals the observation of the following row, (N - 1,), block by block."""
    same = np.ones(max(rows - 1, 0), np.bool_)
    for start in range(0, rows - 1, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, rows - 1)
        obs = as_observations(source, read("observations", start + 1, stop + 1))
        same[start:stop] = equal_rows(obs, as_next_observations(source, read("next_observations", start, stop), obs))
    return same


def _blocks(numbers: Numbers, lengths: NDArray[np.int64]) -> Iterator[Numbers]:
    """Yield the numbers of consecutive trajectories that fit into one block together, at least one each time."""
    begin = 0
    while begin < len(numbers):
        end, rows = begin + 1, int(lengths[numbers[begin]])
        while end < len(numbers) and numbers[end] == numbers[end - 1] + 1 and rows < BLOCK_ROWS:
            rows += int(lengths[numbers[end]])
            end += 1
        yield numbers[begin:end]
        begin = end


def _read_block(source: str, read: Rows, present: Collection[str], rows: slice, hints: Hints) -> NormalColumns:
    """Read some rows of all columns but the flags."""
    found = {
        role: read(role, rows.start, rows.stop)
        for role in ("observations", "actions", "next_observations", "rewards")
        if role in present
    }
    count = rows.stop - rows.start
    obs = as_observations(source, found["observations"])
    following, rewards = found.get("next_observations"), found.get("rewards")
    return NormalColumns(
        obs,
        as_actions(source, found["actions"], count, hints),
        next_observations=None if following is None else as_next_observations(source, following, obs),
        rewards=None if rewards is None else as_rewards(source, rewards, count),
    )
