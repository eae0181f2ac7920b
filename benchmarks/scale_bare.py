"""What relabelling is compared with: the same libraries copy the same data, and one ``predict`` scores all rows.

``python scale_bare.py REWARD DATA OUT`` does so with all cores, in a process of its own as ``rexd relabel`` does. There
are no checks, no shards, no hashes and no manifest, and all rows are in memory at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def steps_of(ends: np.ndarray) -> np.ndarray:
    """Return how many rows lie between each row and the start of its episode."""
    starts = np.append(0, np.flatnonzero(ends) + 1)
    rows = np.arange(len(ends))
    return rows - starts[np.searchsorted(starts, rows, side="right") - 1]


def copy_hdf5(predict: Callable[..., np.ndarray], source: Path, out: Path) -> None:
    """Copy a D4RL file with other rewards, and the old ones in an array of their own."""
    import h5py

    with h5py.File(source) as old, h5py.File(out, "w") as new:
        for name in old:
            if name != "rewards":
                old.copy(name, new)
        old.copy("rewards", new, name="environment_reward")
        steps = steps_of(old["timeouts"][:] | old["terminals"][:])
        new["rewards"] = predict(old["observations"][:], old["actions"][:], None, steps)


def copy_parquet(predict: Callable[..., np.ndarray], source: Path, out: Path) -> None:
    """Copy Parquet files, likewise."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def rows(name: str) -> np.ndarray:
        column = pa.chunked_array([part for table in tables for part in table[name].chunks])
        values = column.combine_chunks().flatten().to_numpy() if pa.types.is_list(column.type) else column.to_numpy()
        return values.reshape(len(column), -1)

    files = sorted(source.iterdir())
    tables = [pq.read_table(file) for file in files]
    steps = steps_of((rows("timeouts") | rows("terminals"))[:, 0])
    rewards, start = predict(rows("observations"), rows("actions"), None, steps), 0
    out.mkdir()
    for file, table in zip(files, tables, strict=True):
        part = pa.array(rewards[start : start + len(table)])
        start += len(table)
        made = table.append_column("environment_reward", table["rewards"])
        made = made.set_column(made.column_names.index("rewards"), "rewards", part)
        pq.write_table(made, out / file.name)


def copy(predict: Callable[..., np.ndarray], source: Path, out: Path) -> None:
    """Copy either."""
    (copy_hdf5 if source.is_file() else copy_parquet)(predict, source, out)


if __name__ == "__main__":
    import torch

    from rexd.cluster import cores
    from rexd.reward.files import load_reward

    torch.set_num_threads(cores())
    copy(load_reward(sys.argv[1]).predict, Path(sys.argv[2]), Path(sys.argv[3]))
