"""Looks at the data, which share one reading: a file that is larger than memory is read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import update_wrapper
from typing import Generic, TypeVar

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.progress import Progress

T = TypeVar("T")

Looking = Generator[None, Trajectory | None, T]
"""A generator that is sent each trajectory, ``while (t := (yield)) is not None``, and returns what it found."""


class Look(Generic[T]):
    """One look at demonstrations: a decorator of functions that return a ``Looking``.

    Called with demonstrations, it reads all of them; ``look_at`` lets several looks share the reading.
    """

    def __init__(self, function: Callable[[Demonstrations], Looking[T]]) -> None:
        """Wrap the generator function."""
        self._function = function
        update_wrapper(self, function)

    def __call__(self, demos: Demonstrations) -> T:
        """Read all demonstrations, and return what this look finds."""
        return look_at(demos, [self])[0]

    def begin(self, demos: Demonstrations) -> Looking[T]:
        """Start the generator, up to where it waits for the first trajectory."""
        looking = self._function(demos)
        next(looking)
        return looking


def look_at(demos: Demonstrations, looks: Sequence[Look[T]], progress: Progress = lambda done, total: None) -> list[T]:
    """Read the demonstrations once, and return what each look finds.

    Args:
        demos: The demonstrations.
        looks: The looks that share the reading.
        progress: Called with the number of transitions so far, and the number of all.
    """
    begun = [look.begin(demos) for look in looks]
    seen, total = 0, demos.n_transitions
    for t in demos:
        for looking in begun:
            looking.send(t)
        seen += len(t)
        progress(seen, total)
    return [_end(looking) for looking in begun]


def _end(looking: Looking[T]) -> T:
    try:
        looking.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    raise RuntimeError("a look still waits for trajectories after the last one; expected it to return")
