"""Who scores the shards: threads of this process, or the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch

from rexd.cluster import finished
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError
from rexd.relabel.datasets.open import open_dataset
from rexd.relabel.manifest import hash_of
from rexd.relabel.shards import Scored, score
from rexd.reward.base import RewardModel
from rexd.reward.files import load_reward

AHEAD = 2  # shards that are handed out for each worker at a time, so that none waits for the next


class Engine(Protocol):
    """Scores shards, several at a time, in any order."""

    def scored(self, numbers: Iterable[int]) -> Iterator[tuple[int, Scored]]:
        """Yield the numbers of shards with their rewards, as they are done."""


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


@dataclass(frozen=True)
class Place:
    """Where the workers of a cluster find what they score: paths that lead to the same files on all machines.

    Attributes:
        reward: The file of the reward.
        reward_sha256: Its hash, which must be that of the file that the worker reads.
        dataset: The dataset, or its id.
        scratch: The folder for what is unpacked.
    """

    reward: Path
    reward_sha256: str
    dataset: str
    scratch: Path


class RayTasks:
    """Tasks of a Ray cluster that score one shard each; this process writes what they return.

    Ray Data's ``map_batches`` would cut the rows anew, and so lose the time within episodes at each cut and the shards
    that an earlier run has done. A task for each shard keeps both, and a lost one costs two seconds of work.
    """

    def __init__(self, ray: Any, place: Place, at_once: int | None = None) -> None:
        """Take the cluster, what is scored, and the most shards at a time."""
        self._ray, self._place, self._at_once = ray, place, at_once

    def scored(self, numbers: Iterable[int]) -> Iterator[tuple[int, Scored]]:
        """Yield shards as they are done."""
        return finished(self._ray, partial(_score_there, self._place), numbers, at_once=self._at_once)


def _score_there(place: Place, number: int) -> Scored:
    """Score a shard in a worker, which opens the dataset once and keeps it for its next shards."""
    torch.set_num_threads(1)
    return score(*_opened(place), number)


@lru_cache(maxsize=1)
def _opened(place: Place) -> tuple[RewardModel, Demonstrations]:
    if not place.reward.is_file() or hash_of(place.reward) != place.reward_sha256:
        raise RexdError(
            f"{place.reward}: is not on all machines of the cluster, or not the same file; put the reward and the "
            "dataset on a file system that all of them share"
        )
    return load_reward(place.reward), open_dataset(place.dataset, place.scratch).demos
