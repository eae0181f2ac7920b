"""The episodes of a Minari dataset in each of its storages: HDF5, Arrow and Parquet.

Arrays are read only when they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, import_extra
from rexd.reading.containers.arrow import as_numbers, columns_of, read_ipc, read_parquet
from rexd.reading.containers.folders import inside
from rexd.reading.containers.guards import naming_damage
from rexd.reading.containers.hdf5 import Claims
from rexd.reading.containers.hdf5 import numbers as values
from rexd.reading.containers.source import Source
from rexd.reading.minari import spaces
from rexd.reading.minari.writing import FINAL_KNOWN, REWARDS_KNOWN

_MARKS = (FINAL_KNOWN, REWARDS_KNOWN)
_EPISODE = re.compile(r"episode_(\d{1,9})")
_COLUMNS = ("observations", "actions", "rewards", "terminations", "truncations")


@dataclass(frozen=True)
class Episode:
    """One episode, while its file is open.

    Attributes:
        number: The id of the episode.
        read: Reads an array of it, given a path such as ``("actions",)``, or ``("observations", key)`` for a part of a
            dict.
        marks: The attributes that rexd adds to Minari's layout (``rexd.reading.minari.writing``), by name.
    """

    number: int
    read: Callable[[spaces.Path], Array]
    marks: Mapping[str, bool] = field(default_factory=dict)


class Storage(Protocol):
    """The episodes of a dataset, independent of how they are stored."""

    @property
    def size(self) -> int:
        """The size of the files in bytes. Arrays may take more, as they may be compressed."""

    @property
    def numbers(self) -> Sequence[int]:
        """The ids of the episodes, ascending."""

    def episodes(self, numbers: Iterable[int]) -> Iterator[Episode]:
        """Yield the episodes that have these ids, each while its file is open."""


def open_storage(folder: Path, storage: str) -> Storage:
    """Open the storage in a dataset's ``data`` folder; no episode is read yet.

    Args:
        folder: The folder.
        storage: Minari's name of the storage: "hdf5", "arrow" or "parquet".

    Raises:
        MissingExtraError: h5py or pyarrow is not installed.
        UnsafeFileError: A file refers to other files.
        DemonstrationError: The storage is of another kind, or a file is missing, damaged or claims too much memory.
    """
    if storage == "hdf5":
        return _HDF5(folder)
    if storage in ("arrow", "parquet"):
        return _Arrow(folder, storage)
    raise DemonstrationError(
        f"{folder}: its data format is {storage[:40]!r}; expected hdf5, arrow or parquet. Other formats "
        "need a later version of rexd"
    )


class _HDF5:
    def __init__(self, folder: Path) -> None:
        file = folder / "main_data.hdf5"
        if not file.is_file():
            raise DemonstrationError(f"{folder.parent}: has no {file.name}; download the dataset again")
        self._source = Source(inside(folder, file))
        self.size = self._source.size
        with self._source.open_hdf5(check_each=False) as opened:
            self.numbers = sorted(int(match[1]) for key in opened if (match := _EPISODE.fullmatch(key)))

    def episodes(self, numbers: Iterable[int]) -> Iterator[Episode]:
        name, claims = self._source.name, Claims(self._source.name, self._source.memory_limit)
        with self._source.open_hdf5(check_each=False) as opened:
            h5py = import_extra("h5py", "minari")
            for number in numbers:
                group = h5py.Group(h5py.h5o.open(opened.id, f"episode_{number}".encode()))

                def read(path: spaces.Path, group: Any = group) -> Array:
                    place = "/".join(f"_index_{p}" if isinstance(p, int) else p for p in path)
                    return values(name, group, place, claims=claims)

                # Each mark is asked for by name: listing all attributes of thousands of episodes takes long.
                marks = {mark: bool(group.attrs[mark]) for mark in _MARKS if h5py.h5a.exists(group.id, mark.encode())}
                yield Episode(number, read, marks)


class _Arrow:
    def __init__(self, folder: Path, storage: str) -> None:
        self._folder, self._storage = folder, storage
        self.numbers = sorted(int(item.name) for item in folder.iterdir() if item.name.isdecimal() and item.is_dir())
        self.size = sum(file.stat().st_size for file in folder.glob(f"*/*.{storage}"))

    def episodes(self, numbers: Iterable[int]) -> Iterator[Episode]:
        for number in numbers:
            home = self._folder / str(number)
            files = sorted(home.glob(f"*.{self._storage}"))
            if len(files) != 1:
                raise DemonstrationError(
                    f"{home}: has {len(files)} *.{self._storage} files; expected one for the episode. Download the "
                    "dataset again"
                )
            file = inside(self._folder, files[0])
            content = read_ipc(file) if self._storage == "arrow" else read_parquet(file, _COLUMNS)
            table = columns_of(file, content, _COLUMNS)

            def read(path: spaces.Path, table: Mapping[str, Any] = table, file: Path = file) -> Array:
                found = as_numbers(str(file), "/".join(map(str, path)), _part(str(file), table, path))
                return found if path[0] == "observations" else found[:-1]  # Minari pads the other columns to T + 1 rows

            yield Episode(number, read)


def _part(source: str, table: Mapping[str, Any], path: spaces.Path) -> Any:
    """Return the Arrow column at a path, which leads through nested struct columns."""
    with naming_damage(source, "the Arrow file"):
        column = table.get(str(path[0]))
        for key in path[1:]:
            names = [item.name for item in getattr(getattr(column, "type", None), "fields", ())]
            if column is None or names.count(str(key)) != 1 or column.null_count:
                column = None
                break
            column = column.combine_chunks() if hasattr(column, "combine_chunks") else column
            column = column.field(str(key))
    if column is None:
        raise DemonstrationError(
            f"{source}: has no column {'/'.join(map(str, path))!r}, or not in every row; download the dataset again"
        )
    return column
