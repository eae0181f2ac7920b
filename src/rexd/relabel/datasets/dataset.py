"""What relabelling asks of a dataset, whatever its layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError

KEPT = "environment_reward"
"""The name of the column that keeps the reward which the dataset came with."""

COPIED_ROWS = 2**16
"""The number of rows of a column that are copied at once."""


@dataclass(frozen=True)
class OutputFile:
    """A file of the copy that holds rows.

    Attributes:
        name: Its path within the output folder; empty where the output is one file.
        start: The first of its rows, counted over the whole dataset.
        stop: The row after its last one.
    """

    name: str
    start: int
    stop: int


class Rewards(Protocol):
    """The learnt rewards of a dataset."""

    def rows(self, start: int, stop: int) -> Array:
        """Return the rewards of some rows, (stop - start,) float32."""


class Dataset(Protocol):
    """A dataset whose rows are read in their order, and which can be copied with other rewards."""

    @property
    def layout(self) -> str:
        """The name of its layout, for people."""

    @property
    def demos(self) -> Demonstrations:
        """Its episodes end to end, in the order in which the dataset stores them."""

    @property
    def files(self) -> tuple[OutputFile, ...]:
        """The files of its copy, in the order of their rows."""

    @property
    def size(self) -> int:
        """The bytes of the files that hold its rows."""

    def write(self, file: OutputFile, target: Path, rewards: Rewards) -> None:
        """Write one file of the copy to ``target``, with the learnt rewards and the ones that it came with."""

    def describe(self, folder: Path, out: Path) -> None:
        """Write what else the copy needs, once all its files are written.

        Args:
            folder: The folder to write to, as ``out`` will be.
            out: The place of the copy.
        """


def same_shape(rewards: Array, old: tuple[int, ...] | None) -> Array:
    """Return rewards (N,) in the shape of the column that they replace, such as (N, 1)."""
    return rewards if old is None else rewards.reshape(len(rewards), *old[1:])


def check_rewards(source: str, name: str, shape: tuple[int, ...], rows: int) -> None:
    """Refuse a column of rewards that does not have one number for each row.

    Raises:
        DemonstrationError: The column has another shape.
    """
    if not shape or shape[0] != rows or int(np.prod(shape)) != rows:
        raise DemonstrationError(
            f"{source}: {name!r} has shape {shape}; expected one reward for each of the {rows} rows. Write the dataset "
            "again, or leave the rewards out"
        )
