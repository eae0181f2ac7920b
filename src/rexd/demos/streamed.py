"""Trajectories of a file that is larger than memory: read anew each time they are asked for, in the file's order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Trajectory

STREAM_BYTES = 256 * 1024**2
"""Files whose arrays take more are streamed, where their format can; smaller ones are held in memory, for speed."""

MOST_ROWS = 50_000
"""Transitions of a streamed file that are learnt from, drawn uniformly from what is selected."""

BLOCK_ROWS = 2**16
"""Rows that are read at once where trajectories are stored end to end."""

Numbers = NDArray[np.intp]
Read = Callable[[Numbers], Generator[Trajectory, None, None]]
"""``read(numbers)``: the trajectories at these places, one after the other, opening the file for that time only."""


class Streamed(Sequence[Trajectory]):
    """A sequence that keeps no trajectory but the first.

    Iterating over it reads the file once; asking for single ones opens it each time. What is done to the trajectories
    (``map``) is done as they are read.
    """

    def __init__(self, lengths: NDArray[np.int64], read: Read) -> None:
        """Take how to read them, and the rows of each, which are known without reading any."""
        self.lengths = np.asarray(lengths, np.int64)
        self._read = read

    def __len__(self) -> int:
        """Number of trajectories."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[Trajectory]:
        """Read them all in order."""
        return self._read(np.arange(len(self)))

    @overload
    def __getitem__(self, index: int) -> Trajectory: ...
    @overload
    def __getitem__(self, index: slice) -> Streamed: ...
    def __getitem__(self, index: int | slice) -> Trajectory | Streamed:
        """Read one, or select some that are not read yet."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        number = range(len(self))[index]
        return self._first if number == 0 else self._one(number)

    @cached_property
    def _first(self) -> Trajectory:
        """Kept, as shapes and dtypes are asked of it again and again."""
        return self._one(0)

    def _one(self, number: int) -> Trajectory:
        with closing(self._read(np.array([number], np.intp))) as found:
            return next(found)

    def take(self, numbers: Numbers) -> Streamed:
        """Those at some places."""
        return Streamed(self.lengths[numbers], lambda inner: self._read(numbers[inner]))

    def map(
        self, change: Callable[[int, Trajectory], Trajectory], lengths: NDArray[np.int64] | None = None
    ) -> Streamed:
        """All of them changed: ``change(number, trajectory)``; ``lengths`` where it changes those."""

        def read(numbers: Numbers) -> Generator[Trajectory, None, None]:
            return (change(int(n), t) for n, t in zip(numbers, self._read(numbers), strict=True))

        return Streamed(self.lengths if lengths is None else lengths, read)


def lengths_of(trajectories: Sequence[Trajectory]) -> NDArray[np.int64]:
    """Rows of each; those of a file are not read for that."""
    if isinstance(trajectories, Streamed):
        return trajectories.lengths
    return np.array([len(t) for t in trajectories], np.int64)


def mapped(
    trajectories: Sequence[Trajectory],
    change: Callable[[int, Trajectory], Trajectory],
    lengths: NDArray[np.int64] | None = None,
) -> Sequence[Trajectory]:
    """Each of them changed, at once where they are in memory and as they are read where they are not."""
    if isinstance(trajectories, Streamed):
        return trajectories.map(change, lengths)
    return tuple(change(number, t) for number, t in enumerate(trajectories))


def picked(trajectories: Sequence[Trajectory], numbers: Numbers) -> Sequence[Trajectory]:
    """Those at some places."""
    if isinstance(trajectories, Streamed):
        return trajectories.take(numbers)
    return tuple(trajectories[int(number)] for number in numbers)


def joined(one: Sequence[Trajectory], other: Sequence[Trajectory]) -> Sequence[Trajectory]:
    """Two sequences as one."""
    if not len(one) or not len(other):
        return other if len(other) else one
    if not isinstance(one, Streamed) and not isinstance(other, Streamed):
        return (*one, *other)
    count = len(one)

    def read(numbers: Numbers) -> Generator[Trajectory, None, None]:
        # the places are ascending, as all that asks for several asks in order
        yield from picked(one, numbers[numbers < count])
        yield from picked(other, numbers[numbers >= count] - count)

    return Streamed(np.concatenate([lengths_of(one), lengths_of(other)]), read)
