"""Who scores the shards: threads of this process, or the workers of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Protocol, TypeVar

import torch

from rexd.relabel.shards import Scored

AHEAD = 2  # shards that are handed out for each worker at a time, so that none waits for the next

T = TypeVar("T")


class Engine(Protocol):
    """Scores shards, several at a time, in any order."""

    def scored(self, numbers: Iterable[int]) -> Iterator[tuple[int, Scored]]:
        """Yield the numbers of shards with their rewards, as they are done."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Threads that score one shard each.

    Nearly all their time is spent within matrix products, which leave the interpreter to the others; processes would
    take longer to start, and the memory of PyTorch each (docs/scaling.md has the measurement).
    """

    def __init__(self, score: Callable[[int], Scored], jobs: int) -> None:
        """Take what scores a shard, and the number of threads."""
        self._score, self._jobs = score, jobs

    def scored(self, numbers: Iterable[int]) -> Iterator[tuple[int, Scored]]:
        """Yield shards as they are done; PyTorch has one thread for each of ours meanwhile."""
        left, before = iter(numbers), torch.get_num_threads()
        torch.set_num_threads(1)  # the number of threads changes the last bits of sums
        pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="rexd-score")
        running: dict[Future[Scored], int] = {}
        try:
            while True:
                for number in islice(left, AHEAD * self._jobs - len(running)):
                    running[pool.submit(self._score, number)] = number
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=running.__getitem__):
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(before)
