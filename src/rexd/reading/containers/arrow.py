"""Arrow and Parquet files, read without trusting what they claim.

Reading them needs pyarrow, which the extra ``arrow`` installs. Only the columns that are asked for are turned into
arrays, and only lists and structs of numbers and truth values: in columns of other kinds (null, run-end encoded) a few
bytes can stand for any number of rows.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, import_extra
from rexd.reading.containers.guards import MAX_STREAMED_BYTES, check_file, naming_damage
from rexd.reading.containers.npz import memory_limit
from rexd.reading.containers.parquet import claimed_bytes

_FILE_MAGIC = b"ARROW1\x00\x00"
_EXPANSION = 16
_HEADER, _COMPRESSION = 2, 3  # fields of the Message and RecordBatch tables (format/Message.fbs)


def read_ipc(path: Path) -> Any:
    """Read the ``pyarrow.Table`` of an Arrow IPC file or stream.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DemonstrationError: The file is damaged, or compressed, so that its size cannot be told before it is read.
    """
    pa = import_extra("pyarrow", "arrow", to_read=path)
    ipc = import_extra("pyarrow.ipc", "arrow")
    check_file(path)
    with naming_damage(path, "the Arrow file"):
        content = pa.py_buffer(path.read_bytes())
        # An IPC file is a stream between a magic number and a table of contents, which is not needed.
        stream = content.slice(len(_FILE_MAGIC)) if bytes(content[: len(_FILE_MAGIC)]) == _FILE_MAGIC else content
        for message in _messages(ipc, stream):
            if message.type == "dictionary" or is_compressed(message):
                raise DemonstrationError(
                    f"{path}: is compressed or dictionary-encoded, so that its size is not known beforehand; expected "
                    "plain Arrow. Write it again without compression, or as Parquet"
                )
        return ipc.open_stream(stream).read_all()


def read_parquet(path: Path, columns: Iterable[str]) -> Any:
    """Read the ``pyarrow.Table`` of the given columns of a Parquet file; columns that it does not have are left out.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DemonstrationError: The file is damaged, or claims more than it can hold.
    """
    wanted = set(columns)
    file = _parquet(path, wanted)
    with naming_damage(path, "the Parquet file"):
        names = [name for name in file.schema_arrow.names if name in wanted]
        return file.read(columns=names, use_threads=False)


@contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """Open a Parquet file to read groups of its rows, and not the whole of it.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DemonstrationError: The file is damaged, claims more than it can hold, or the block fails to read it.
    """
    parquet = import_extra("pyarrow.parquet", "arrow", to_read=path)
    size = check_file(path, max_bytes=MAX_STREAMED_BYTES)
    with naming_damage(path, "the Parquet file"):
        with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
            _check_claims(path, content, None, size)
        with parquet.ParquetFile(path) as file:
            yield file


def parquet_kinds(path: Path) -> dict[str, tuple[str, int]]:
    """Return what each column of a Parquet file holds, and within how many lists; nothing but the footer is read.

    Returns:
        ``"integer"``, ``"number"``, ``"truth"`` or ``"text"`` (for all else) of each column by name; names that are
        there twice are left out.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DemonstrationError: The file is damaged, or has no rows.
    """
    file = _parquet(path, ())
    with naming_damage(path, "the Parquet file"):
        if not file.metadata.num_rows:
            raise DemonstrationError(f"{path}: has no rows; expected at least one. Record it again")
        fields = list(file.schema_arrow)
        times = Counter(field.name for field in fields)
        return {field.name: _kind(field.type) for field in fields if times[field.name] == 1}


def columns_of(path: Path, table: Any, wanted: Iterable[str]) -> dict[str, Any]:
    """Return the wanted columns of a table by name; those that it lacks or has twice are left out.

    Raises:
        DemonstrationError: The table's offsets and lengths lead out of what the file holds.
    """
    with naming_damage(path, "the Arrow file"):
        names = table.column_names
        found = {name: table.column(name) for name in wanted if names.count(name) == 1}
        for column in found.values():
            column.validate(full=True)
    return found


def as_numbers(source: str, name: str, column: Any) -> Array:
    """Return a column as one array, with one more axis for each level of lists in it.

    Args:
        source: The file's name, for messages.
        name: The column's name, for messages.
        column: A ``pyarrow.Array`` or ``ChunkedArray`` of ``columns_of``.

    Raises:
        DemonstrationError: It has missing values, lists of different lengths, or something other than numbers.
    """
    with naming_damage(source, "the Arrow file"):
        parts = [_values(source, name, chunk) for chunk in _chunks(column) if len(chunk)]
    if len({part.shape[1:] for part in parts}) > 1:
        raise DemonstrationError(f"{source}: {name!r} has lists of different lengths; expected the same in every row")
    if not parts:
        raise DemonstrationError(f"{source}: {name!r} has no rows; expected at least one. Record it again")
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def as_lists(source: str, name: str, column: Any) -> list[Array]:
    """Return a column of lists as one array for each row; the rows may differ in their length.

    Raises:
        DemonstrationError: A row has missing values, lists of different lengths, or something other than numbers.
    """
    found: list[Array] = []
    with naming_damage(source, "the Arrow file"):
        for chunk in _chunks(column):
            if not _is_list(chunk.type) or chunk.null_count:
                raise DemonstrationError(f"{source}: {name!r} is of type {chunk.type}; expected a list for each row")
            for number in range(len(chunk)):
                row = chunk.slice(number, 1).flatten()
                found.append(_values(source, name, row) if len(row) else np.empty(0))
    return found


def _parquet(path: Path, wanted: Collection[str]) -> Any:
    """Open a Parquet file whose wanted columns do not claim more than it can hold."""
    pa = import_extra("pyarrow", "arrow", to_read=path)
    parquet = import_extra("pyarrow.parquet", "arrow")
    size = check_file(path)
    with naming_damage(path, "the Parquet file"):
        content = path.read_bytes()
        _check_claims(path, content, wanted, size)
        return parquet.ParquetFile(pa.BufferReader(content))


def _check_claims(path: Path, content: Any, wanted: Collection[str] | None, size: int) -> None:
    limit = memory_limit(size, _EXPANSION)
    if (claimed := claimed_bytes(content, wanted)) > limit:
        raise DemonstrationError(
            f"{path}: its columns claim {claimed} bytes; expected at most {limit} from this file. Write it again"
        )


def _kind(kind: Any) -> tuple[str, int]:
    types, depth = import_extra("pyarrow.types", "arrow"), 0
    while _is_list(kind) or hasattr(kind, "storage_type"):
        kind, depth = (kind.value_type, depth + 1) if _is_list(kind) else (kind.storage_type, depth)
    if types.is_boolean(kind):
        return "truth", depth
    return "integer" if types.is_integer(kind) else "number" if types.is_floating(kind) else "text", depth


def _chunks(column: Any) -> Iterator[Any]:
    yield from column.chunks if hasattr(column, "chunks") else [column]


def _values(source: str, name: str, array: Any) -> Array:
    if array.null_count:
        raise DemonstrationError(
            f"{source}: {name!r} has {array.null_count} missing values; expected a number for each"
        )
    if hasattr(array.type, "storage_type"):
        return _values(source, name, array.storage)
    if _is_list(array.type):
        width = _width(source, name, array)
        inner = _values(source, name, array.flatten())
        return inner.reshape(len(array), width, *inner.shape[1:])
    types = import_extra("pyarrow.types", "arrow")
    kind = array.type
    if not (types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)):
        raise DemonstrationError(f"{source}: {name!r} is of type {str(kind)[:80]}; expected numbers")
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _width(source: str, name: str, array: Any) -> int:
    if hasattr(array.type, "list_size"):
        lengths = np.array([array.type.list_size])
    else:
        lengths = array.value_lengths().to_numpy(zero_copy_only=False)
    if len(lengths) and (lengths != lengths[0]).any():
        raise DemonstrationError(
            f"{source}: {name!r} has lists of different lengths; expected the same number of columns in every row"
        )
    if not len(lengths) or lengths[0] < 1:  # any number of empty lists takes no bytes
        raise DemonstrationError(f"{source}: {name!r} has lists without numbers; expected at least one in each")
    return int(lengths[0])


def _is_list(kind: Any) -> bool:
    types = import_extra("pyarrow.types", "arrow")
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _messages(ipc: Any, stream: Any) -> Iterator[Any]:
    reader = ipc.MessageReader.open_stream(stream)
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def is_compressed(message: Any) -> bool:
    """Whether a record batch has compressed buffers, which pyarrow does not tell."""
    if message.type != "record batch":
        return False
    raw = bytes(message.metadata)
    header = field_at(raw, struct.unpack_from("<I", raw)[0], _HEADER)
    if header is None:
        raise ValueError("a message without content")
    return field_at(raw, header + struct.unpack_from("<I", raw, header)[0], _COMPRESSION) is not None


def field_at(raw: bytes, table: int, number: int) -> int | None:
    """Return the position of a field of a flatbuffer table; None if the field is not set."""
    vtable = table - struct.unpack_from("<i", raw, table)[0]
    place = 4 + 2 * number
    if place + 2 > struct.unpack_from("<H", raw, vtable)[0]:
        return None
    offset = struct.unpack_from("<H", raw, vtable + place)[0]
    return table + offset if offset else None
