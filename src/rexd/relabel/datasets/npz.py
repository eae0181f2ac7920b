"""Npz files, rexd's own and those of arrays end to end: one file to one file, read a block of rows at a time."""

from __future__ import annotations

import io
import json
import math
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import mapped
from rexd.demos.trajectory import Array, Trajectory
from rexd.errors import DemonstrationError
from rexd.files import atomic_path
from rexd.reading.containers.guards import check_file, naming_damage
from rexd.reading.containers.npz import check_claims, memory_limit, open_member, read_header, stored_at
from rexd.reading.containers.source import Source
from rexd.reading.formats import npz_arrays, rexd_npz
from rexd.reading.rows.ends.boundary_keys import read_ends
from rexd.reading.rows.ends.episode_ends import RecordedEnds
from rexd.reading.rows.from_blocks import Rows, from_blocks
from rexd.reading.rows.from_keys import in_order
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, find_keys
from rexd.relabel.datasets.dataset import COPIED_ROWS, KEPT, OutputFile, Rewards, check_rewards, same_shape

_HEADER = "rexd"  # the member of rexd's own npz that describes the others
_STREAMED = ("observations", "actions", "next_observations")
_CHECKED_BYTES = 2**20  # of an unpacked file at a time
_DATE = (1980, 1, 1, 0, 0, 0)  # what numpy writes too: the same rows give the same bytes on any day


@dataclass(frozen=True)
class _Column:
    """One array of numbers, whose rows lie end to end in a file."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def rows(self, start: int, stop: int) -> Array:
        each = math.prod(self.shape[1:])
        with self.path.open("rb") as file:
            file.seek(self.offset + start * each * self.dtype.itemsize)
            found = np.fromfile(file, self.dtype, (stop - start) * each)
        if len(found) != (stop - start) * each:
            raise DemonstrationError(f"{self.path}: is cut short at row {start}; write or download it again")
        return found.reshape(-1, *self.shape[1:])


class Npz:
    """One npz of arrays with a row for each step.

    Attributes:
        has_unused: Whether some of its episodes were left out by a selection, as rexd's own npz can say.
    """

    def __init__(self, source: Source, scratch: Path) -> None:
        """Find the episodes of the file.

        Args:
            source: The file.
            scratch: A folder for the arrays of a compressed file, which are unpacked once.

        Raises:
            DemonstrationError: The file is damaged, or its arrays are not rows end to end.
        """
        self._path = source.path
        self.has_unused = False
        self.size = check_file(self._path)
        own = rexd_npz.sniff(source)
        self.layout = (rexd_npz if own else npz_arrays).FORMAT.name
        with naming_damage(self._path, "the npz file"), zipfile.ZipFile(self._path) as archive:
            self._members = {item.filename.removesuffix(".npy"): item for item in archive.infolist()}
            check_claims(str(self._path), self._members.values(), memory_limit(self.size))
            keys = {name: name for name in rexd_npz.FIELDS} if own else find_keys(self._members)
            self._columns = {
                role: self._column(key, scratch)
                for role, key in keys.items()
                if key in self._members and role in (*_STREAMED, "steps", "next_known", "rewards")
            }
        self._rewards = keys.get("rewards", "rewards")
        rows = self._columns["observations"].shape[0] if "observations" in self._columns else 0
        for role, column in self._columns.items():
            if not column.shape or column.shape[0] != rows or not rows:
                raise self._unusable(f"{keys[role]!r} of shape {column.shape}", f"{rows} rows of observations")
        if "rewards" in self._columns:
            check_rewards(source.name, self._rewards, self._columns["rewards"].shape, rows)
        with naming_damage(self._path, "the npz file"):
            self.demos = self._own(rows) if own else self._keyed(source, rows)
        self.files = (OutputFile("", 0, rows),)

    def write(self, file: OutputFile, target: Path, rewards: Rewards) -> None:
        """Write the copy; members are stored as they are read, without compression."""
        old, made = self._columns.get("rewards"), f"{self._rewards}.npy"
        kept = f"{KEPT}.npy"
        with (
            naming_damage(self._path, "the npz file"),
            zipfile.ZipFile(target, "w") as new,
        ):
            for name, item in self._members.items():
                if name == self._rewards and KEPT in self._members:
                    continue
                with (
                    open_member(self._path, item) as stream,
                    _opened(new, kept if name == self._rewards else item.filename) as out,
                ):
                    if name == _HEADER and self.layout == rexd_npz.FORMAT.name:
                        out.write(_with_rewards(stream))
                    else:
                        shutil.copyfileobj(stream, out)
            with _opened(new, made) as out:
                shape = (file.stop,) if old is None else old.shape
                np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
                for start in range(0, file.stop, COPIED_ROWS):
                    part = rewards.rows(start, min(start + COPIED_ROWS, file.stop))
                    out.write(same_shape(part, None if old is None else old.shape).data)

    def describe(self, folder: Path, out: Path) -> None:
        """Write nothing: the file says everything."""

    def _column(self, key: str, scratch: Path) -> _Column:
        item = self._members[key]
        if item.compress_type != zipfile.ZIP_STORED:
            return self._unpacked(item, scratch)
        with self._path.open("rb") as file:
            file.seek(stored_at(file, item))
            return self._at(self._path, file, key, file.tell() + item.file_size)

    def _unpacked(self, item: zipfile.ZipInfo, scratch: Path) -> _Column:
        place = scratch / Path(item.filename).name
        if not (place.is_file() and _crc_of(place) == item.CRC):  # one that an earlier run left may be damaged
            with open_member(self._path, item) as stream, atomic_path(place) as temporary, temporary.open("wb") as out:
                shutil.copyfileobj(stream, out)
        with place.open("rb") as file:
            return self._at(place, file, item.filename, place.stat().st_size)

    def _at(self, path: Path, file: IO[bytes], key: str, end: int) -> _Column:
        shape, fortran, dtype = read_header(file, f"{self._path}: {key}")
        if dtype.kind not in "biuf" or (fortran and len(shape) > 1):
            raise self._unusable(
                f"{key!r} of {dtype}{' in the order of Fortran' if fortran else ''}", "rows of numbers"
            )
        if math.prod(shape) * dtype.itemsize != end - file.tell():
            raise DemonstrationError(f"{self._path}: {key!r} does not hold what it claims; write or download it again")
        return _Column(path, file.tell(), shape, dtype)

    def _unusable(self, found: str, expected: str) -> DemonstrationError:
        return DemonstrationError(
            f"{self._path}: has {found}; expected {expected}, step after step. Write it again so: rexd convert "
            f"{self._path} ordered.npz"
        )

    @contextmanager
    def _reader(self) -> Iterator[Rows]:
        yield lambda role, start, stop: self._columns[role].rows(start, stop)

    def _demos(self, rows: int, recorded: RecordedEnds, notes: tuple[str, ...]) -> Demonstrations:
        present = [role for role in _STREAMED if role in self._columns]
        if "actions" not in present:
            raise self._unusable("no actions", "observations and actions")
        return from_blocks(str(self._path), rows, present, self._reader, recorded=recorded, hints=Hints(), notes=notes)

    def _keyed(self, source: Source, rows: int) -> Demonstrations:
        if len(self._columns["observations"].shape) == 3:
            raise self._unusable("trajectories of observations", "observations (steps, columns)")
        ids = {key: source.npz[key] for key in BOUNDARIES["ids"] if key in source.npz}
        if in_order(source.name, ids, rows)[1]:
            raise self._unusable("rows of several episodes that alternate", "the rows of each episode together")
        keyed = read_ends(source.name, source.npz, rows)
        return self._demos(rows, keyed.ends, keyed.notes)

    def _own(self, rows: int) -> Demonstrations:
        with open_member(self._path, self._members[_HEADER]) as stream:
            header = _header(stream)
        lengths = np.array(header["lengths"], np.int64)
        self.has_unused = header["trajectories"] < len(lengths)
        if lengths.ndim != 1 or (lengths < 1).any() or lengths.sum() != rows:
            raise self._unusable("lengths that do not sum to its rows", f"{rows} rows")
        starts = np.zeros(rows, np.bool_)
        starts[np.cumsum(lengths) - lengths] = True
        # What follows in the file says nothing about where trajectories end, as rows may have been left out.
        demos = self._demos(rows, RecordedEnds(starts=starts), ())
        begin = np.cumsum(lengths) - lengths

        def timed(number: int, t: Trajectory) -> Trajectory:
            span = int(begin[number]), int(begin[number]) + len(t)
            told = {role: self._columns[role].rows(*span) for role in ("steps", "next_known") if role in self._columns}
            return replace(t, **told)

        return replace(demos, trajectories=mapped(demos.trajectories, timed, demos.lengths))


@contextmanager
def _opened(archive: zipfile.ZipFile, name: str) -> Iterator[Any]:
    with archive.open(zipfile.ZipInfo(name, _DATE), "w", force_zip64=True) as member:
        yield member


def _header(stream: IO[bytes]) -> dict[str, Any]:
    read_header(stream, _HEADER)
    content: dict[str, Any] = json.loads(stream.read())
    return content


def _crc_of(path: Path) -> int:
    """Return the checksum of a file, as zip archives have it of their members."""
    found = 0
    with path.open("rb") as file:
        while block := file.read(_CHECKED_BYTES):
            found = zlib.crc32(block, found)
    return found


def _with_rewards(stream: IO[bytes]) -> bytes:
    """Return the header of rexd's own npz, which lists a reward for each trajectory now."""
    content: Mapping[str, Any] = _header(stream)
    dtypes = {**content["dtypes"], "rewards": ["<f4"] * len(content["lengths"])}
    out = io.BytesIO()
    np.lib.format.write_array(out, np.frombuffer(json.dumps({**content, "dtypes": dtypes}).encode(), np.uint8))
    return out.getvalue()
