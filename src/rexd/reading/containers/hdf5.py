"""HDF5 files: checks that nothing outside the file is opened and no size is believed, and arrays of numbers."""

from __future__ import annotations

import math
import os
import zlib
from functools import lru_cache
from typing import Any, Final

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, UnsafeFileError, import_extra

_DEFLATE, _SHUFFLE, _CHECKSUM, _LZF = 1, 2, 3, 32000
_COMPRESSIONS: Final = {_DEFLATE: 1032, _LZF: 88}  # the factor by which each can expand at most
_CACHE_BYTES = 2**21  # HDF5's own bound is 16 times that, and its cache takes twelve times the bytes that it counts
_FREE_UNWRITTEN = 2**26  # bytes of a file that may never have been written, as where a recording ended early
_FREE_CHUNK = 2**18  # h5py rarely makes larger chunks, and 1032 times that is what any file may claim


def check_links(source: str, file: Any) -> None:
    """Refuse a file with links to other files, which HDF5 would follow wherever a name leads through one.

    Args:
        source: The file's name, for messages.
        file: The open ``h5py.File``.

    Raises:
        UnsafeFileError: The file links to another file.
    """
    h5py = import_extra("h5py", "minari")
    top, outside = file["/"].id, h5py.h5l.TYPE_EXTERNAL
    outward: list[bytes] = []
    # This is h5py's low level: recordings have thousands of small arrays, and an h5py object for each takes long.
    top.links.visit(lambda name, info: outward.append(name) if info.type == outside else None, info=True)
    for name in outward:
        target = os.fsdecode(top.links.get_val(name)[0])
        raise _elsewhere(source, os.fsdecode(name), f"is a link to the file {target!r}")


def bound_cache(file: Any) -> None:
    """Bound the cache in which HDF5 keeps the metadata of opened arrays: a hundred thousand of them take 400 MB.

    Args:
        file: The open ``h5py.File``.
    """
    plan = file.id.get_mdc_config()
    plan.set_initial_size = True
    plan.initial_size = plan.max_size = _CACHE_BYTES
    file.id.set_mdc_config(plan)


def check_arrays(source: str, file: Any, limit: int) -> int:
    """Check all arrays of a file with ``Claims``.

    Args:
        source: The file's name, for messages.
        file: The open ``h5py.File``, without links to others.
        limit: The bytes that all its arrays together may take.

    Returns:
        The bytes that its arrays take.

    Raises:
        UnsafeFileError: An array keeps its values in another file.
        DemonstrationError: The arrays claim more than ``limit``, or are compressed in a way whose size cannot be told.
    """
    h5py = import_extra("h5py", "minari")
    top, claims = file["/"].id, Claims(source, limit)
    names: list[bytes] = []
    h5py.h5o.visit(top, names.append)  # visits each object once, and follows no link out of the file
    for name in names:
        item = h5py.h5o.open(top, name)
        if isinstance(item, h5py.h5d.DatasetID):
            claims.add(item, item.get_type().get_size(), item.get_space().get_simple_extent_dims())
    return claims.total


class Claims:
    """The bytes that the arrays of one file take together; each array is checked before any of its values is read.

    When an array is read, HDF5 opens the files of its external or virtual storage and fills values that were never
    written, so that a small file may claim any size. It also unpacks a chunk until the compressed bytes end, whatever
    size the chunk should have.
    """

    def __init__(self, source: str, limit: int) -> None:
        """Take the file's name, for messages, and the bytes that its arrays may take."""
        self.total = self._unwritten = 0
        self._h5py = import_extra("h5py", "minari")
        self._source, self._limit = source, limit

    def add(self, item: Any, size: int, shape: tuple[int, ...] | None) -> None:
        """Check and count one array.

        Args:
            item: The ``h5py.h5d.DatasetID``.
            size: Bytes of one of its values.
            shape: The shape of the array; None if it is empty.

        Raises:
            UnsafeFileError: The array keeps its values in another file.
            DemonstrationError: The array claims too much, or is compressed in a way whose size cannot be told.
        """
        source, limit, h5d = self._source, self._limit, self._h5py.h5d
        plan = item.get_create_plist()
        layout = plan.get_layout()
        if layout == h5d.VIRTUAL or plan.get_external_count():
            raise _elsewhere(source, _name(item), "keeps its values in other files")
        if layout == h5d.CHUNKED:
            nominal = math.prod(plan.get_chunk()) * size
            if nominal > limit:
                raise DemonstrationError(
                    f"{source}: {_name(item)!r} has chunks of {nominal} bytes; expected at most {limit} from this file"
                )
            if count := plan.get_nfilters():
                _check_filters(source, item, [plan.get_filter(n)[0] for n in range(count)], nominal)
        claimed = size * math.prod(shape or ())
        self.total += claimed
        if self.total > limit:
            raise DemonstrationError(
                f"{source}: its arrays claim {self.total} bytes; expected at most {limit} from this file"
            )
        self._unwritten += _unwritten(item, claimed, layout == h5d.CHUNKED)
        if self._unwritten > _FREE_UNWRITTEN:
            raise DemonstrationError(
                f"{source}: {self._unwritten} bytes of its arrays, such as {_name(item)!r}, were never written; "
                "expected arrays that hold numbers. Write the file again"
            )


def numbers(source: str, group: Any, name: str, rows: slice | None = None, claims: Claims | None = None) -> Array:
    """Read an array of numbers or truth values from an open file.

    Args:
        source: The file's name, for messages.
        group: The ``h5py.File`` or group.
        name: The array's name in it.
        rows: The rows to read, with a start and a stop; None for all.
        claims: Checks the array before it is read, if ``check_arrays`` has not checked the file.

    Raises:
        UnsafeFileError: ``claims`` refuses the array.
        DemonstrationError: There is no such array, it holds something else, or ``claims`` refuses it.
    """
    h5py = import_extra("h5py", "minari")
    try:
        item = h5py.h5d.open(group.id, name.encode())
    except (KeyError, TypeError, ValueError) as error:  # no such name, or a group
        raise _no_numbers(source, group, name) from error
    kind, space = item.get_type(), item.get_space()
    dtype, shape = _dtype(kind.encode()), space.get_simple_extent_dims()
    if space.get_simple_extent_type() != h5py.h5s.SIMPLE or dtype.kind not in "biuf":
        raise _no_numbers(source, group, name)
    if claims is not None:
        claims.add(item, kind.get_size(), shape)
    if rows is None:
        array = np.empty(shape, dtype)
        if array.size:
            item.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        return array
    array = np.empty((rows.stop - rows.start, *shape[1:]), dtype)
    if array.size:
        space.select_hyperslab((rows.start, *[0] * (array.ndim - 1)), array.shape)
        item.read(h5py.h5s.create_simple(array.shape), space, array)
    return array


def is_numbers(item: Any) -> bool:
    """Whether an object of a file is an array of numbers or truth values with at least one axis."""
    return hasattr(item, "chunks") and item.dtype.kind in "biuf" and len(item.shape or ()) > 0


def _unwritten(item: Any, claimed: int, chunked: bool) -> int:
    """Return the bytes of an array that were never written, which HDF5 fills as it reads them."""
    stored = int(item.get_storage_size())
    if not chunked:
        return claimed if stored == 0 else 0
    if stored >= claimed:
        return 0
    plan = item.get_create_plist()
    if not plan.get_nfilters():
        return claimed - stored
    written = int(item.get_num_chunks() * math.prod(plan.get_chunk()) * item.get_type().get_size())
    return max(claimed - written, 0)


def _check_filters(source: str, item: Any, filters: list[int], nominal: int) -> None:
    found = [number for number in filters if number in _COMPRESSIONS]
    if len(found) > 1 or not set(filters) <= {*_COMPRESSIONS, _SHUFFLE, _CHECKSUM}:
        raise DemonstrationError(
            f"{source}: {_name(item)!r} is compressed by the HDF5 filters {filters}; expected gzip or lzf, whose size "
            "is bounded. Write it again with: h5repack -f GZIP=4"
        )
    if not found:
        return
    stored: list[Any] = []
    item.chunk_iter(stored.append)
    for chunk in stored:
        if chunk.size > nominal + 4096:  # HDF5 stores a chunk as it is if compression gains nothing
            raise _bomb(source, item, nominal)
        if chunk.size > _FREE_CHUNK and not _fits(item, chunk, filters, nominal):
            raise _bomb(source, item, nominal)


def _fits(item: Any, chunk: Any, filters: list[int], nominal: int) -> bool:
    """Whether a chunk unpacks to no more than its nominal size; no more than that is unpacked to tell."""
    if _DEFLATE not in filters:
        return bool(chunk.size * _COMPRESSIONS[_LZF] <= 2**30)
    mask, content = item.read_direct_chunk(chunk.chunk_offset)
    if mask >> filters.index(_DEFLATE) & 1:
        return True  # the filter was not applied to this chunk
    if _CHECKSUM in filters[filters.index(_DEFLATE) :]:
        content = content[:-4]
    room, unpacker = nominal + 4096, zlib.decompressobj()
    while content and not unpacker.eof:
        room -= len(unpacker.decompress(content, _FREE_CHUNK))
        content = unpacker.unconsumed_tail
        if room < 0:
            return False
    return True


def _bomb(source: str, item: Any, nominal: int) -> DemonstrationError:
    return DemonstrationError(
        f"{source}: a compressed chunk of {_name(item)!r} holds more than its {nominal} bytes; the file is damaged or "
        "made to exhaust memory"
    )


def _elsewhere(source: str, name: str, found: str) -> UnsafeFileError:
    return UnsafeFileError(
        f"{source}: {name!r} {found[:200]}, which was not opened; expected a file that holds its own arrays. Copy them "
        "into one file"
    )


@lru_cache(maxsize=64)
def _dtype(encoded: bytes) -> np.dtype[Any]:
    """Return an HDF5 type as a numpy dtype, cached because recordings have thousands of arrays of a few types."""
    dtype: np.dtype[Any] = import_extra("h5py", "minari").h5t.decode(encoded).dtype
    return dtype


def _no_numbers(source: str, group: Any, name: str) -> DemonstrationError:
    found = group.get(name)
    what = "is missing" if found is None else f"has dtype {found.dtype}" if hasattr(found, "dtype") else "is a group"
    label = f"{group.name}/{name}".strip("/")
    return DemonstrationError(f"{source}: {label!r} {what}; expected an array of numbers. Write the file again")


def _name(item: Any) -> str:
    """Return the name of an open array within its file."""
    return os.fsdecode(import_extra("h5py", "minari").h5i.get_name(item) or b"").strip("/")
