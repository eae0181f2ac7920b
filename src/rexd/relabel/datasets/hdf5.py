"""D4RL's HDF5 files: one file to one file, with every other array copied as it is stored."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError, import_extra
from rexd.reading.containers.source import Source
from rexd.reading.formats import d4rl
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.normalise import as_observations
from rexd.relabel.datasets.dataset import COPIED_ROWS, KEPT, OutputFile, Rewards, check_rewards, same_shape

_REWARDS = "rewards"


class D4RL:
    """One HDF5 file in D4RL's layout."""

    layout = d4rl.FORMAT.name

    def __init__(self, source: Source) -> None:
        """Find the episodes of the file.

        Raises:
            DemonstrationError: The file cannot be read, or not in the order of its rows.
        """
        self._source, self.demos = source, d4rl.load(source, Hints())
        rows = self.demos.n_transitions
        self.files = (OutputFile("", 0, rows),)
        self.size = source.size
        with source.open_hdf5() as file:
            if file["observations"].shape[0] != rows or not (self.demos.streamed or _in_order(self.demos, file)):
                raise DemonstrationError(
                    f"{source.name}: its rows are not stored episode after episode; expected the steps of each episode "
                    "in a row. Write it again so: rexd convert FILE ordered.hdf5"
                )
            if _REWARDS in file:
                check_rewards(source.name, _REWARDS, file[_REWARDS].shape, rows)

    def write(self, file: OutputFile, target: Path, rewards: Rewards) -> None:
        """Write the copy."""
        h5py = import_extra("h5py", "minari")
        with self._source.open_hdf5() as old, h5py.File(target, "w") as new:
            new.attrs.update(old.attrs)
            for name in old:
                if name != _REWARDS:
                    old.copy(name, new)
            replace_rewards(old, new, file.start, file.stop, rewards)

    def describe(self, folder: Path, out: Path) -> None:
        """Write nothing: the file says everything."""

    @cached_property
    def name(self) -> str:
        """The file's name, for messages."""
        return self._source.name


def replace_rewards(old: Any, new: Any, start: int, stop: int, rewards: Rewards, keep_in: str = KEPT) -> None:
    """Write the learnt rewards into an HDF5 group, and those that it came with under another name.

    Args:
        old: The group that is copied.
        new: The group of the copy.
        start: The first of its rows, counted over the whole dataset.
        stop: The row after its last one.
        rewards: The learnt rewards.
        keep_in: Where the old rewards go. What is there already is kept: it is the environment's own.
    """
    shape = None
    if _REWARDS in old:
        shape = old[_REWARDS].shape
        if keep_in not in new:
            old.copy(_REWARDS, new, name=keep_in)
    made = new.create_dataset(_REWARDS, shape or (stop - start,), np.float32)
    for first in range(start, stop, COPIED_ROWS):
        last = min(first + COPIED_ROWS, stop)
        made[first - start : last - start] = same_shape(rewards.rows(first, last), shape)


def _in_order(demos: Demonstrations, file: Any) -> bool:
    """Whether the episodes in memory, end to end, are the rows of the file."""
    stored = as_observations(demos.source, file["observations"][:])
    found = np.concatenate([t.observations for t in demos])
    return found.shape == stored.shape and bool(np.array_equal(found, stored))
