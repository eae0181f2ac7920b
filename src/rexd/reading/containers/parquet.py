"""The size that a Parquet file claims, told from its own metadata before pyarrow reads it.

pyarrow unpacks each page to the size that the page's header claims, and a few bytes of run-length encoding can stand
for any number of values. pyarrow also ends the process on some damaged statistics, which this module does not read.
The layout is described at https://parquet.apache.org/docs/file-format/metadata; it is encoded in Thrift's compact
protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from mmap import mmap
from typing import Any, Final

_MAGIC = b"PAR1"
_BOOL, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _MAP, _STRUCT, _UUID = (
    (1, 2),
    3,
    (4, 5, 6),
    7,
    8,
    (9, 10),
    11,
    12,
    13,
)
_DEPTH = 16

# Field numbers of parquet.thrift.
_ROW_GROUPS: Final = 4
_COLUMNS, _ROWS = 1, 3
_CHUNK_FILE, _CHUNK_METADATA = 1, 3
_PATH, _VALUES, _PACKED, _DATA_PAGE, _DICTIONARY_PAGE = 3, 5, 7, 9, 11
_UNPACKED_PAGE, _PACKED_PAGE, _PAGE_KINDS = 2, 3, (5, 7, 8)
_PAGE_VALUES = 1


def claimed_bytes(content: bytes | mmap, columns: Collection[str] | None) -> int:
    """Return the bytes that the values of some columns may take once they are read.

    Args:
        content: The whole file, in memory or mapped into it.
        columns: The names of the columns, at the top of the schema; None for all.

    Raises:
        ValueError: The content is not a Parquet file, or refers to another file.
        IndexError: The content is cut short.
    """
    if len(content) < 12 or content[:4] != _MAGIC or content[-4:] != _MAGIC:
        raise ValueError("not a Parquet file")
    footer = int.from_bytes(content[-8:-4], "little")
    if footer > len(content) - 12:
        raise ValueError("the footer is larger than the file")
    metadata = _Reader(content, len(content) - 8 - footer).struct()
    claimed = 0
    for group in metadata.get(_ROW_GROUPS, ()):
        for column in group[_COLUMNS]:
            chunk = column[_CHUNK_METADATA]
            if column.get(_CHUNK_FILE) is not None:
                raise ValueError("a column lies in another file")
            if columns is None or chunk[_PATH][0].decode() in columns:
                unpacked, values = _pages(content, chunk)
                claimed += unpacked + 8 * max(values, chunk[_VALUES], group[_ROWS])
    return claimed


def _pages(content: bytes | mmap, chunk: dict[int, Any]) -> tuple[int, int]:
    """Return the number of bytes and of values that the headers of a column's pages claim."""
    position = min(chunk[_DATA_PAGE], chunk.get(_DICTIONARY_PAGE) or chunk[_DATA_PAGE])
    end, unpacked, values = position + chunk[_PACKED], 0, 0
    if not 0 <= position <= end <= len(content):
        raise ValueError("a column lies outside of the file")
    while position < end:
        reader = _Reader(content, position)
        header = reader.struct()
        packed, size = header[_PACKED_PAGE], header[_UNPACKED_PAGE]
        if packed < 0 or size < 0:
            raise ValueError("a page of negative size")
        position = reader.position + packed
        unpacked += size
        values += sum(header[kind][_PAGE_VALUES] for kind in _PAGE_KINDS if kind in header)
    return unpacked, values


class _Reader:
    """A reader of Thrift's compact protocol; structs become dicts by field number."""

    def __init__(self, content: bytes | mmap, position: int) -> None:
        self.content, self.position = content, position

    def struct(self, depth: int = 0) -> dict[int, Any]:
        found: dict[int, Any] = {}
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            kind = head & 15
            found[number] = kind == _BOOL[0] if kind in _BOOL else self.value(kind, depth)
        return found

    def value(self, kind: int, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError("nested too deeply")
        if kind in _INTEGERS:
            return self.integer()
        if kind == _BINARY:
            return self.octets(self.varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            head = self.byte()
            count = head >> 4 if head >> 4 != 15 else self.varint()
            return [self.element(head & 15, depth + 1) for _ in range(self.bounded(count))]
        if kind == _MAP:
            count = self.bounded(self.varint())
            kinds = self.byte() if count else 0
            return [(self.element(kinds >> 4, depth + 1), self.element(kinds & 15, depth + 1)) for _ in range(count)]
        if kind == _DOUBLE:
            return struct.unpack("<d", self.octets(8))[0]
        if kind in (_BYTE, _UUID):
            return self.octets(1 if kind == _BYTE else 16)
        raise ValueError(f"a value of unknown kind {kind}")

    def element(self, kind: int, depth: int) -> Any:
        return self.byte() if kind in _BOOL else self.value(kind, depth)

    def bounded(self, count: int) -> int:
        if count > len(self.content) - self.position:  # each item takes at least one byte
            raise ValueError("a list longer than the file")
        return count

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def varint(self) -> int:
        value = shift = 0
        while shift < 70:
            octet = self.byte()
            value |= (octet & 127) << shift
            if octet < 128:
                return value
            shift += 7
        raise ValueError("a number of too many bytes")

    def byte(self) -> int:
        self.position += 1
        return self.content[self.position - 1]

    def octets(self, count: int) -> bytes:
        self.position += self.bounded(count)
        return self.content[self.position - count : self.position]
