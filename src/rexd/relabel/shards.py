"""The shards of a dataset: blocks of rows that are scored apart, each with its own file of rewards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import picked
from rexd.demos.transitions import Transitions, stack
from rexd.errors import DemonstrationError
from rexd.files import atomic_path
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.rows import Float32, Rows

SHARD_ROWS = 2**14
"""The number of rows of a shard: about two seconds of one core, so that little is lost when a process is killed.

It is a multiple of the rows that networks are given at once (``rexd.reward.red.networks.BLOCK_ROWS``). The rewards are
therefore those of one ``predict`` of all rows, bit for bit.
"""


@dataclass(frozen=True, eq=False)
class Scored:
    """The rewards of a shard.

    Attributes:
        rewards: (rows,) float32.
        without_next: The number of rows whose next observation was not recorded.
    """

    rewards: Float32
    without_next: int


def count_shards(rows: int) -> int:
    """Return the number of shards of a dataset with some number of rows."""
    return -(-rows // SHARD_ROWS)


def span_of(number: int, rows: int) -> tuple[int, int]:
    """Return the first row of a shard and the row after its last one."""
    return number * SHARD_ROWS, min((number + 1) * SHARD_ROWS, rows)


def read_rows(demos: Demonstrations, start: int, stop: int) -> Transitions:
    """Read some of the rows of all trajectories end to end, float32 and contiguous.

    The steps of each row are counted from the start of its episode, wherever the block begins.
    """
    rows, block = read_episodes(demos, start, stop)
    return Transitions(**{name: array[block] for name, array in vars(rows).items()})


def read_episodes(demos: Demonstrations, start: int, stop: int) -> tuple[Transitions, slice]:
    """Read the whole episodes that some rows belong to, and return where the rows lie in them."""
    stops: NDArray[np.int64] = np.cumsum(demos.lengths)
    first, last = (int(np.searchsorted(stops, row, "right")) for row in (start, stop - 1))
    found = stack(tuple(picked(demos.trajectories, np.arange(first, last + 1))))
    before = int(stops[first] - demos.lengths[first])
    return found, slice(start - before, stop - before)


def score(model: RewardModel, demos: Demonstrations, number: int) -> Scored:
    """Score one shard.

    Raises:
        DemonstrationError: The rows cannot be read, or the reward is not a number in [0, 1].
    """
    if getattr(model, "stateful", False):  # the rows before the shard's, in the same episode, change its rewards
        rows, block = read_episodes(demos, *span_of(number, demos.n_transitions))
        whole = model.predict(rows.obs, rows.act, rows.next_obs, rows.step)
        rewards, known = np.ascontiguousarray(whole[block], np.float32), rows.next_known[block]
    else:
        rows = read_rows(demos, *span_of(number, demos.n_transitions))
        rewards = np.ascontiguousarray(predict_at(model, Rows.of_transitions(rows)), np.float32)
        known = rows.next_known
    if rewards.shape != known.shape or not np.isfinite(rewards).all():
        raise DemonstrationError(
            f"{demos.source}: the reward of rows {span_of(number, demos.n_transitions)} is not one number for each; "
            "expected finite ones. Look at the data with rexd inspect"
        )
    return Scored(rewards, int((~known).sum()))


class RewardParts:
    """The files of the rewards of all shards, in a folder."""

    def __init__(self, folder: Path, rows: int) -> None:
        """Take the folder and the number of rows of the dataset."""
        self._folder, self._rows = folder, rows

    def write(self, number: int, rewards: Float32) -> str:
        """Write the rewards of a shard, atomically, and return the hash of what was written."""
        content = rewards.tobytes()
        with atomic_path(self._path(number)) as temporary:
            temporary.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def holds(self, number: int, sha256: str) -> bool:
        """Whether the rewards of a shard are there, with this hash."""
        path = self._path(number)
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256

    def rows(self, start: int, stop: int) -> Float32:
        """Return the rewards of some rows, (stop - start,) float32."""
        first, last = start // SHARD_ROWS, (stop - 1) // SHARD_ROWS
        whole = np.concatenate([np.fromfile(self._path(n), np.float32) for n in range(first, last + 1)])
        return whole[start - first * SHARD_ROWS : stop - first * SHARD_ROWS]

    def _path(self, number: int) -> Path:
        return self._folder / f"rewards-{number:07}.f32"
