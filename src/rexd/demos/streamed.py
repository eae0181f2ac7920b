"""Sequences of trajectories from a file that is larger than memory, which is read each time they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from itertools import chain
from typing import overload

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Trajectory

STREAM_BYTES = 256 * 1024**2
"""The bytes of arrays above which a file is streamed, if its format can be; smaller files are kept in memory."""

MOST_ROWS = 50_000
"""The number of transitions of a streamed file that are learnt from, drawn uniformly from the selected ones."""

BLOCK_ROWS = 2**16
"""The number of rows that are read at once where trajectories are stored end to end."""

Numbers = NDArray[np.intp]
Read = Callable[[Numbers], Generator[Trajectory, None, None]]
"""``read(numbers)`` yields the trajectories that have these numbers, and keeps the file open only meanwhile."""


class Streamed(Sequence[Trajectory]):
    """A sequence of trajectories that keeps only the first in memory.

    Iterating over it reads the file once; asking for a single trajectory opens the file each time. Changes to the
    trajectories (``map``) are made when they are read.
    """

    def __init__(self, lengths: NDArray[np.int64], read: Read) -> None:
        """Take the numbers of rows and a way to read the trajectories; nothing is read yet.

        Args:
            lengths: (n,), the number of rows of each trajectory.
            read: Reads the trajectories that have some numbers.
        """
        self.lengths = np.asarray(lengths, np.int64)
        self._read = read

    def __len__(self) -> int:
        """The number of trajectories."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[Trajectory]:
        """Read all trajectories in order."""
        return self._read(np.arange(len(self)))

    @overload
    def __getitem__(self, index: int) -> Trajectory: ...
    @overload
    def __getitem__(self, index: slice) -> Streamed: ...
    def __getitem__(self, index: int | slice) -> Trajectory | Streamed:
        """Read one trajectory, or select several that are not read yet."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        number = range(len(self))[index]
        return self._first if number == 0 else self._one(number)

    @cached_property
    def _first(self) -> Trajectory:
        """The first trajectory, kept because its shapes and dtypes are asked for often."""
        return self._one(0)

    def _one(self, number: int) -> Trajectory:
        with closing(self._read(np.array([number], np.intp))) as found:
            return next(found)

    def take(self, numbers: Numbers) -> Streamed:
        """Select the trajectories that have these numbers; nothing is read yet."""
        return Streamed(self.lengths[numbers], lambda inner: self._read(numbers[inner]))

    def map(
        self, change: Callable[[int, Trajectory], Trajectory], lengths: NDArray[np.int64] | None = None
    ) -> Streamed:
        """Change each trajectory when it is read.

        Args:
            change: ``change(number, trajectory)`` returns the changed trajectory.
            lengths: (n,), the numbers of rows after the change; None if these stay the same.
        """

        def read(numbers: Numbers) -> Generator[Trajectory, None, None]:
            return (change(int(n), t) for n, t in zip(numbers, self._read(numbers), strict=True))

        return Streamed(self.lengths if lengths is None else lengths, read)


def lengths_of(trajectories: Sequence[Trajectory]) -> NDArray[np.int64]:
    """Return the number of rows of each trajectory, (n,). A streamed file is not read for that."""
    if isinstance(trajectories, Streamed):
        return trajectories.lengths
    return np.array([len(t) for t in trajectories], np.int64)


def mapped(
    trajectories: Sequence[Trajectory],
    change: Callable[[int, Trajectory], Trajectory],
    lengths: NDArray[np.int64] | None = None,
) -> Sequence[Trajectory]:
    """Change each trajectory, as ``Streamed.map`` does; those in memory are changed at once."""
    if isinstance(trajectories, Streamed):
        return trajectories.map(change, lengths)
    return tuple(change(number, t) for number, t in enumerate(trajectories))


def picked(trajectories: Sequence[Trajectory], numbers: Numbers) -> Sequence[Trajectory]:
    """Select the trajectories that have these numbers."""
    if isinstance(trajectories, Streamed):
        return trajectories.take(numbers)
    return tuple(trajectories[int(number)] for number in numbers)


def joined(one: Sequence[Trajectory], other: Sequence[Trajectory]) -> Sequence[Trajectory]:
    """Join two sequences of trajectories."""
    return chained([one, other])


def chained(parts: Sequence[Sequence[Trajectory]]) -> Sequence[Trajectory]:
    """Join sequences of trajectories; if one is streamed, the whole is."""
    some = [part for part in parts if len(part)]
    if len(some) == 1:
        return some[0]
    if not any(isinstance(part, Streamed) for part in some):
        return tuple(chain.from_iterable(some))
    stops = np.cumsum([len(part) for part in some])

    def read(numbers: Numbers) -> Generator[Trajectory, None, None]:
        # numbers are ascending, as all callers ask for trajectories in order
        cuts = np.searchsorted(numbers, [0, *stops])
        for part, stop, first, last in zip(some, stops, cuts[:-1], cuts[1:], strict=True):
            if last > first:
                yield from picked(part, numbers[first:last] - (stop - len(part)))

    return Streamed(np.concatenate([lengths_of(part) for part in some]), read)


def drawn(trajectories: Sequence[Trajectory], most: int, rng: np.random.Generator) -> tuple[Trajectory, ...]:
    """Draw at most ``most`` rows uniformly, and return the trajectories that hold them."""
    lengths = lengths_of(trajectories)
    total = int(lengths.sum())
    if total <= most:
        return tuple(trajectories)
    rows = np.sort(rng.choice(total, most, replace=False, shuffle=False))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    cuts = np.searchsorted(rows, starts)
    numbers = np.flatnonzero(np.diff(cuts))
    found = zip(numbers, picked(trajectories, numbers), strict=True)
    return tuple(t.rows(rows[cuts[n] : cuts[n + 1]] - starts[n]) for n, t in found)
