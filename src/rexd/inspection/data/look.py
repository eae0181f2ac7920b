"""How the looks at the data share one reading of it: a file that is larger than memory is read once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import update_wrapper
from typing import Generic, TypeVar

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory

T = TypeVar("T")

Looking = Generator[None, Trajectory | None, T]
"""Gets each trajectory by ``while (t := (yield)) is not None``, and returns what it found."""


class Look(Generic[T]):
    """A function that is a generator of ``Looking``: called with demonstrations, it looks at all of them."""

    def __init__(self, function: Callable[[Demonstrations], Looking[T]]) -> None:
        """Take the generator function."""
        self._function = function
        update_wrapper(self, function)

    def __call__(self, demos: Demonstrations) -> T:
        """What it finds, by a reading of its own."""
        return look_at(demos, [self])[0]

    def begin(self, demos: Demonstrations) -> Looking[T]:
        """Start, up to where it waits for the first trajectory; what it knows without any is in ``demos``."""
        looking = self._function(demos)
        next(looking)
        return looking


def look_at(
    demos: Demonstrations, looks: Sequence[Look[T]], progress: Callable[[int, int], None] = lambda done, total: None
) -> list[T]:
    """What each of several looks finds, all by one reading.

    Args:
        demos: The demonstrations.
        looks: What to look for.
        progress: Called now and then with the number of transitions that were seen, and of all.
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
    raise RuntimeError("a look goes on after the last trajectory")
