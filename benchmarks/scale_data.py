"""What relabelling is measured with: Hopper-like transitions of noise as HDF5 and as Parquet, and a reward."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reward.red.red import RED

EPISODE, OBSERVATIONS, ACTIONS = 1000, 11, 3  # Hopper's
BLOCK = 100_000  # rows that are generated at once, and a group of rows of Parquet
PARQUET_FILES = 4


def blocks(rows: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield blocks of rows with the number of their first; the same for each format. Episodes have 1000 steps."""
    rng = np.random.default_rng(0)
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        obs = rng.standard_normal((count + 1, OBSERVATIONS), np.float32)
        yield (
            start,
            {
                "observations": obs[:-1],
                "next_observations": obs[1:],
                "actions": rng.uniform(-1, 1, (count, ACTIONS)).astype(np.float32),
                "rewards": np.zeros(count, np.float32),
                "terminals": np.zeros(count, bool),
                "timeouts": np.arange(start, start + count) % EPISODE == EPISODE - 1,
            },
        )


def write_hdf5(path: Path, rows: int) -> None:
    """Write a D4RL file."""
    with h5py.File(path, "w") as file:
        for start, block in blocks(rows):
            for name, values in block.items():
                if name not in file:
                    file.create_dataset(name, (rows, *values.shape[1:]), values.dtype)
                file[name][start : start + len(values)] = values


def write_parquet(path: Path, rows: int) -> None:
    """Write a folder of Parquet files with a column for each array of D4RL; each file has whole blocks."""
    path.mkdir()
    limit = max(BLOCK, -(-rows // PARQUET_FILES))
    for number, part in groupby(blocks(rows), lambda found: found[0] // limit):
        tables = (pa.table({name: _column(values) for name, values in block.items()}) for _, block in part)
        first = next(tables)
        with pq.ParquetWriter(path / f"part-{number}.parquet", first.schema) as file:
            for table in chain([first], tables):
                file.write_table(table)


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    ends = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.reshape(-1)))


WRITERS = {"hdf5": ("data.hdf5", write_hdf5), "parquet": ("data", write_parquet)}
"""By the name of a format: the name of its file or folder, and what writes it."""


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))


def fitted_reward(path: Path, **settings: Any) -> Path:
    """Save a reward, of the default size without settings; how well it is fitted does not change what it costs."""
    rng = np.random.default_rng(1)
    episodes = [
        Trajectory.from_steps(
            rng.standard_normal((201, OBSERVATIONS), np.float32),
            rng.uniform(-1, 1, (200, ACTIONS)).astype(np.float32),
        )
        for _ in range(4)
    ]
    return RED(updates=100, **settings).fit(Demonstrations(tuple(episodes))).save(path)
