"""What HDF5 would do beyond the file itself, refused before anything is read; and arrays out of what is left."""

from __future__ import annotations

import math
import os
import zlib
from typing import Any, Final

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, UnsafeFileError, import_extra

_DEFLATE, _SHUFFLE, _CHECKSUM, _LZF = 1, 2, 3, 32000
_COMPRESSIONS: Final = {_DEFLATE: 1032, _LZF: 88}  # by how much each can expand at most
_FREE_CHUNK = 2**18  # h5py rarely makes larger ones, and 1032 times that is what any file may claim


def check_hdf5(source: str, file: Any, limit: int) -> int:
    """Refuse a file that refers to others, or whose arrays claim more than it can hold.

    HDF5 opens the target of an external link, of external storage and of a virtual dataset when they are read, and
    fills what was never written, so that a small file may claim any size. It unpacks a chunk until its compressed
    bytes end, whatever size the chunk should have.

    Args:
        source: The file's name, for messages.
        file: The open ``h5py.File``.
        limit: Bytes that all its arrays may take.

    Returns:
        The bytes that its arrays take.

    Raises:
        UnsafeFileError: It refers to another file.
        DemonstrationError: It claims more than ``limit``, or is compressed in a way whose size cannot be told.
    """
    h5py = import_extra("h5py", "minari")
    top, claimed = file["/"].id, 0

    # The low level of h5py: recordings have thousands of small arrays, and an object of h5py for each takes long.
    outward: list[bytes] = []
    top.links.visit(lambda name, info: outward.append(name) if info.type == h5py.h5l.TYPE_EXTERNAL else None, info=True)
    for name in outward:
        target = os.fsdecode(top.links.get_val(name)[0])
        raise _elsewhere(source, os.fsdecode(name), f"is a link to the file {target!r}")
    names: list[bytes] = []
    h5py.h5o.visit(top, names.append)  # each object once, and no link that leads out of the file
    for name in names:
        item = h5py.h5o.open(top, name)
        if isinstance(item, h5py.h5d.DatasetID):
            claimed += _check_dataset(h5py, source, os.fsdecode(name), item, limit)
    if claimed > limit:
        raise DemonstrationError(f"{source}: its arrays claim {claimed} bytes; expected at most {limit} from this file")
    return claimed


def numbers(source: str, group: Any, name: str, rows: slice | None = None) -> Array:
    """An array of numbers or truth values out of an open file.

    Args:
        source: The file's name, for messages.
        group: The ``h5py.File`` or group.
        name: Of the array in it.
        rows: Which of its rows, from one to another; None for all.

    Raises:
        DemonstrationError: There is no such array, or it holds something else.
    """
    h5py = import_extra("h5py", "minari")
    try:
        item = h5py.h5d.open(group.id, name.encode())
        simple = item.get_space().get_simple_extent_type() == h5py.h5s.SIMPLE
    except (KeyError, TypeError, ValueError):  # no such name, or a group
        simple = False
    if not simple or item.dtype.kind not in "biuf":
        found = group.get(name)
        what = (
            "is missing" if found is None else f"has dtype {found.dtype}" if hasattr(found, "dtype") else "is a group"
        )
        label = f"{group.name}/{name}".strip("/")
        raise DemonstrationError(f"{source}: {label!r} {what}; expected an array of numbers. Write the file again")
    if rows is None:
        array = np.empty(item.shape, item.dtype)
        if array.size:
            item.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        return array
    array, space = np.empty((rows.stop - rows.start, *item.shape[1:]), item.dtype), item.get_space()
    if array.size:
        space.select_hyperslab((rows.start, *[0] * (array.ndim - 1)), array.shape)
        item.read(h5py.h5s.create_simple(array.shape), space, array)
    return array


def is_numbers(item: Any) -> bool:
    """Whether an object of a file is an array of numbers or truth values, of one axis at least."""
    return hasattr(item, "chunks") and item.dtype.kind in "biuf" and len(item.shape or ()) > 0


def _check_dataset(h5py: Any, source: str, name: str, item: Any, limit: int) -> int:
    """Refuse an array in other files, or in chunks that claim too much; the bytes that it claims."""
    plan = item.get_create_plist()
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL or plan.get_external_count():
        raise _elsewhere(source, name, "keeps its values in other files")
    size = item.get_type().get_size()
    if layout == h5py.h5d.CHUNKED:
        nominal = math.prod(plan.get_chunk()) * size
        if nominal > limit:
            raise DemonstrationError(f"{source}: {name!r} has chunks of {nominal} bytes; expected at most {limit}")
        if count := plan.get_nfilters():
            _check_filters(source, name, item, [plan.get_filter(n)[0] for n in range(count)], nominal)
    return int(size * math.prod(item.get_space().get_simple_extent_dims() or ()))


def _check_filters(source: str, name: str, item: Any, filters: list[int], nominal: int) -> None:
    found = [number for number in filters if number in _COMPRESSIONS]
    if len(found) > 1 or not set(filters) <= {*_COMPRESSIONS, _SHUFFLE, _CHECKSUM}:
        raise DemonstrationError(
            f"{source}: {name!r} is compressed by the HDF5 filters {filters}; expected gzip or lzf, whose size is "
            "bounded. Write it again with: h5repack -f GZIP=4"
        )
    if not found:
        return
    stored: list[Any] = []
    item.chunk_iter(stored.append)
    for chunk in stored:
        if chunk.size > nominal + 4096:  # compression that gains nothing is left out by HDF5
            raise _bomb(source, name, nominal)
        if chunk.size > _FREE_CHUNK and not _fits(item, chunk, filters, nominal):
            raise _bomb(source, name, nominal)


def _fits(item: Any, chunk: Any, filters: list[int], nominal: int) -> bool:
    """Whether a chunk unpacks to its own size; told by unpacking no more than that."""
    if _DEFLATE not in filters:
        return bool(chunk.size * _COMPRESSIONS[_LZF] <= 2**30)
    mask, content = item.read_direct_chunk(chunk.chunk_offset)
    if mask >> filters.index(_DEFLATE) & 1:
        return True  # this one was not compressed
    if _CHECKSUM in filters[filters.index(_DEFLATE) :]:
        content = content[:-4]
    room, unpacker = nominal + 4096, zlib.decompressobj()
    while content and not unpacker.eof:
        room -= len(unpacker.decompress(content, _FREE_CHUNK))
        content = unpacker.unconsumed_tail
        if room < 0:
            return False
    return True


def _bomb(source: str, name: str, nominal: int) -> DemonstrationError:
    return DemonstrationError(
        f"{source}: a compressed chunk of {name!r} holds more than its {nominal} bytes; the file is damaged or made to "
        "exhaust memory"
    )


def _elsewhere(source: str, name: str, found: str) -> UnsafeFileError:
    return UnsafeFileError(
        f"{source}: {name!r} {found[:200]}, which was not opened; expected a file that holds its own arrays. Copy them "
        "into one file"
    )
