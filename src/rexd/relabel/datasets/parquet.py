"""Parquet files with a row for each step, alone or many in a folder, and LeRobot's datasets: file by file."""

from __future__ import annotations

import json
import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, import_extra
from rexd.reading.containers.arrow import as_numbers, columns_of, open_parquet, parquet_kinds
from rexd.reading.containers.folders import inside, read_json
from rexd.reading.containers.source import Source
from rexd.reading.file_lists import files_in, natural_order
from rexd.reading.formats import lerobot
from rexd.reading.formats.csv_table import check_complete
from rexd.reading.formats.parquet_table import assign_columns
from rexd.reading.rows.ends.boundary_keys import has_boundaries, read_ends
from rexd.reading.rows.ends.episode_ends import RecordedEnds
from rexd.reading.rows.from_blocks import Rows, from_blocks
from rexd.reading.rows.from_keys import in_order
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, NEEDED
from rexd.reading.rows.side_by_side import side_by_side
from rexd.relabel.datasets.dataset import COPIED_ROWS, KEPT, OutputFile, Rewards

_INFO = Path("meta") / "info.json"
_STREAMED = (*NEEDED, "next_observations")
_WHOLE_BYTES = 2**27  # a group of rows that takes more is copied in several, as each is in memory at once
_GROUPS = 6  # decoded groups of rows that are kept: two of each column


@dataclass(frozen=True)
class _Roles:
    """Which columns hold what.

    Attributes:
        rows: The columns of observations, actions and next observations, in their order.
        ends: The columns that tell where episodes end.
        step: The column that counts the steps of each episode, if there is one.
        rewards: The column of the rewards, which need not exist.
    """

    rows: Mapping[str, tuple[str, ...]]
    ends: tuple[str, ...]
    step: str | None
    rewards: str


@dataclass(frozen=True)
class _Group:
    """One group of rows of a file; ``start`` and ``stop`` are counted over the whole dataset."""

    path: Path
    number: int
    start: int
    stop: int


def parquet_files(source: Source) -> list[Path]:
    """Return the Parquet files of a source in their order; none if it is something else."""
    if source.is_file:
        return [source.path] if source.head.startswith(b"PAR1") else []
    if not source.is_folder:
        return []
    if lerobot.sniff(source):
        found = sorted((source.path / "data").glob("chunk-*/*.parquet"))
        return [inside(source.path, file) for file in found]
    return [file for file in files_in(source.path)[0] if file.suffix == ".parquet"]


class ParquetFiles:
    """Parquet files whose rows follow one another, in the natural order of the names of the files."""

    def __init__(self, source: Source, files: list[Path]) -> None:
        """Find the columns and the episodes.

        Raises:
            MissingExtraError: pyarrow is not installed.
            DemonstrationError: A file is damaged, a column is missing, or the boundaries are not clear.
        """
        self._source, self._info = source, None
        self._name = source.name
        if source.is_folder and lerobot.sniff(source):
            self._info = read_json(source.path, source.path / _INFO, "LeRobot's description")
        self.layout = "table in Parquet files" if self._info is None else lerobot.FORMAT.name
        kinds = parquet_kinds(files[0])
        self._roles = _roles(self._name, kinds) if self._info is None else _lerobot_roles(self._name, kinds)
        self._groups = [*self._find_groups(files, kinds)]
        self._starts = [group.start for group in self._groups]
        self._decoded = lru_cache(maxsize=_GROUPS)(self._decode)
        rows = self._groups[-1].stop if self._groups else 0
        self.files = tuple(self._outputs(files))
        self.size = sum(file.stat().st_size for file in files)
        self.demos = self._cut(rows)

    def write(self, file: OutputFile, target: Path, rewards: Rewards) -> None:
        """Write one file with the groups, the columns and the compression of the original."""
        pa, parquet = import_extra("pyarrow", "arrow"), import_extra("pyarrow.parquet", "arrow")
        groups = [group for group in self._groups if file.start <= group.start < file.stop]
        place = self._source.path / file.name if file.name else self._source.path
        with open_parquet(place) as old:
            schema = self._schema(old.schema_arrow)
            codec = old.metadata.row_group(0).column(0).compression.lower()
            with parquet.ParquetWriter(target, schema, compression="none" if codec == "uncompressed" else codec) as new:
                for group in groups:
                    start, stored = group.start, old.metadata.row_group(group.number)
                    at_once = stored.num_rows if stored.total_byte_size <= _WHOLE_BYTES else COPIED_ROWS
                    for batch in old.iter_batches(at_once, row_groups=[group.number], use_threads=False):
                        stop = start + len(batch)
                        made = {name: batch.column(name) for name in batch.schema.names}
                        if self._roles.rewards in made:
                            made.setdefault(KEPT, made[self._roles.rewards])
                        made[self._roles.rewards] = pa.array(rewards.rows(start, stop))
                        new.write_table(pa.table([made[name] for name in schema.names], schema=schema))
                        start = stop

    def describe(self, folder: Path, out: Path) -> None:
        """Copy what else belongs to a LeRobot dataset, and add the columns to its description."""
        if self._info is None:
            return
        data = {self._source.path / file.name for file in self.files}
        for file in sorted(self._source.path.rglob("*")):
            relative = file.relative_to(self._source.path)
            hidden = any(part.startswith(".") for part in relative.parts)
            if file.is_file() and file not in data and relative != _INFO and not hidden:
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(inside(self._source.path, file), folder / relative)
        features = dict(self._info["features"])
        if self._roles.rewards in features:
            features.setdefault(KEPT, features[self._roles.rewards])
        features[self._roles.rewards] = {"dtype": "float32", "shape": [1], "names": None}
        (folder / _INFO).parent.mkdir(parents=True, exist_ok=True)
        (folder / _INFO).write_text(json.dumps({**self._info, "features": features}, indent=4), encoding="utf-8")

    def _find_groups(self, files: list[Path], kinds: Mapping[str, Any]) -> Iterator[_Group]:
        start = 0
        for path in files:
            if path != files[0] and parquet_kinds(path) != kinds:
                raise DemonstrationError(
                    f"{path}: its columns differ from those of {files[0].name}; expected the same in every file. Move "
                    "what does not belong to the dataset out of the folder"
                )
            with open_parquet(path) as file:
                for number in range(file.num_row_groups):
                    rows = file.metadata.row_group(number).num_rows
                    if rows:
                        yield _Group(path, number, start, start + rows)
                    start += rows

    def _outputs(self, files: list[Path]) -> Iterator[OutputFile]:
        for path in files:
            spans = [(group.start, group.stop) for group in self._groups if group.path == path]
            name = str(path.relative_to(self._source.path)) if self._source.is_folder else ""
            yield OutputFile(name, spans[0][0], spans[-1][1])

    def _decode(self, column: str, place: int) -> Array:
        group = self._groups[place]
        with open_parquet(group.path) as file:
            table = file.read_row_group(group.number, columns=[column], use_threads=False)
            found = columns_of(group.path, table, [column])
            if column not in found:
                raise DemonstrationError(f"{group.path}: has no column {column!r}, or has it twice; write it again")
            return as_numbers(str(group.path), column, found[column])

    def _rows(self, columns: tuple[str, ...], start: int, stop: int) -> Array:
        parts = []
        place = bisect_right(self._starts, start) - 1
        while place < len(self._groups) and self._groups[place].start < stop:
            group = self._groups[place]
            block = slice(max(start - group.start, 0), stop - group.start)
            found = {name: self._decoded(name, place)[block] for name in columns}
            one = next(iter(found.values()))
            parts.append(one if len(columns) == 1 else side_by_side(self._name, found))
            place += 1
        return np.concatenate(parts)

    @contextmanager
    def _reader(self) -> Iterator[Rows]:
        yield lambda role, start, stop: self._rows(self._roles.rows[role], start, stop)

    def _cut(self, rows: int) -> Demonstrations:
        ends, notes = self._ends(rows)
        present = self._roles.rows.keys()
        return from_blocks(self._name, rows, present, self._reader, recorded=ends, hints=Hints(), notes=notes)

    def _ends(self, rows: int) -> tuple[RecordedEnds, tuple[str, ...]]:
        """Return where episodes end: as ids, flags or counted steps say, and else at the end of each file."""
        content = {name: self._rows((name,), 0, rows) for name in self._roles.ends}
        if self._roles.step is not None:
            steps = self._rows((self._roles.step,), 0, rows).reshape(-1)
            content["episode_starts"] = np.append(True, np.diff(steps) <= 0)
        if has_boundaries(content):
            if in_order(self._name, {key: content[key] for key in BOUNDARIES["ids"] if key in content}, rows)[1]:
                raise DemonstrationError(
                    f"{self._name}: rows of several episodes alternate; expected the rows of each episode together. "
                    "Sort the rows by episode"
                )
            keyed = read_ends(self._name, content, rows)
            return keyed.ends, keyed.notes
        notes = ("each file is taken as one episode, since no column says where episodes end",)
        starts = np.isin(np.arange(rows), [file.start for file in self.files])
        return RecordedEnds(starts=starts), notes if len(self.files) > 1 else ()

    def _schema(self, schema: Any) -> Any:
        """Return the schema of the copy: float32 rewards, and the old ones in a column of their own."""
        pa, rewards = import_extra("pyarrow", "arrow"), self._roles.rewards
        made = pa.field(rewards, pa.float32())
        place, metadata = schema.get_field_index(rewards), dict(schema.metadata or {})
        if place < 0:
            schema = schema.append(made)
        else:
            if KEPT not in schema.names:
                schema = schema.append(schema.field(place).with_name(KEPT))
            schema = schema.set(place, made)
        # The library "datasets" takes the columns from here, and refuses files that have others.
        described = json.loads(metadata.get(b"huggingface", b"{}"))
        if isinstance(features := described.get("info", {}).get("features"), dict):
            if rewards in features:
                features.setdefault(KEPT, features[rewards])
            features[rewards] = {"dtype": "float32", "_type": "Value"}
            metadata[b"huggingface"] = json.dumps(described).encode()
        return schema.with_metadata(metadata or None)


def _roles(source: str, kinds: Mapping[str, tuple[str, int]]) -> _Roles:
    header, roles, _, _ = assign_columns(kinds)
    check_complete(source, header, roles)
    known = list(kinds)
    named = {role: tuple(known[number] for number in numbers) for role, numbers in roles.items()}
    if missing := [role for role in NEEDED if role not in named]:
        raise DemonstrationError(
            f"{source}: has no column of {missing[0]} (found {', '.join(known)[:200]}); expected names such as "
            "'observation' or 'obs_0', and 'action'. Rename the columns"
        )
    ends = tuple(
        name
        for role, columns in named.items()
        if role not in (*_STREAMED, "rewards", "step")
        for name in columns
        if kinds[name][0] != "text" and kinds[name][1] == 0
    )
    rows = {role: named[role] for role in _STREAMED if role in named}
    return _Roles(rows, ends, named.get("step", (None,))[0], named.get("rewards", ("reward",))[0])


def _lerobot_roles(source: str, kinds: Mapping[str, tuple[str, int]]) -> _Roles:
    numbers = [name for name, (kind, depth) in kinds.items() if kind != "text" and depth <= 1]
    parts = tuple(name for name in natural_order(numbers) if str(name).startswith("observation."))
    if not parts or "action" not in numbers or "episode_index" not in numbers:
        raise DemonstrationError(
            f"{source}: has no low-dimensional observations, no action or no episode_index; expected "
            "observation.state, action and episode_index. Images and videos are not supported"
        )
    rows = {"observations": tuple(sorted(map(str, parts))), "actions": ("action",)}
    return _Roles(rows, ("episode_index",), None, "next.reward")
