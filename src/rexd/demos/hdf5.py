"""What HDF5 would do beyond the file itself, refused before anything is read; and arrays out of what is left."""

from __future__ import annotations

import zlib
from typing import Any, Final

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, UnsafeFileError, import_extra

_DEFLATE, _SHUFFLE, _CHECKSUM, _LZF = 1, 2, 3, 32000
_COMPRESSIONS: Final = {_DEFLATE: 1032, _LZF: 88}  # by how much each can expand at most
_FREE_CHUNK = 2**18  # h5py rarely makes larger ones, and 1032 times that is what any file may claim


def check_hdf5(source: str, file: Any, limit: int) -> None:
    """Refuse a file that refers to others, or whose arrays claim more than it can hold.

    HDF5 opens the target of an external link, of external storage and of a virtual dataset when they are read, and
    fills what was never written, so that a small file may claim any size. It unpacks a chunk until its compressed
    bytes end, whatever size the chunk should have.

    Args:
        source: The file's name, for messages.
        file: The open ``h5py.File``.
        limit: Bytes that all its arrays may take.

    Raises:
        UnsafeFileError: It refers to another file.
        DemonstrationError: It claims more than ``limit``, or is compressed in a way whose size cannot be told.
    """
    h5py = import_extra("h5py", "minari")
    claimed = 0

    def check(name: str, item: Any) -> None:
        nonlocal claimed
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise _elsewhere(source, name, "keeps its values in other files")
            claimed += item.nbytes
            if item.chunks is not None:
                _check_chunks(source, name, item, limit)
        elif isinstance(item, h5py.Group):
            for key in item:
                link = item.get(key, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise _elsewhere(source, f"{name}/{key}".lstrip("/"), f"is a link to the file {link.filename!r}")

    check("", file["/"])
    file.visititems(check)  # each object once, and no link that leads out of the file
    if claimed > limit:
        raise DemonstrationError(f"{source}: its arrays claim {claimed} bytes; expected at most {limit} from this file")


def numbers(source: str, group: Any, name: str) -> Array:
    """An array of numbers or truth values out of an open file.

    Args:
        source: The file's name, for messages.
        group: The ``h5py.File`` or group.
        name: Of the array in it.

    Raises:
        DemonstrationError: There is no such array, or it holds something else.
    """
    item = group.get(name)
    if not is_numbers(item):
        found = "is missing" if item is None else f"has dtype {item.dtype}" if hasattr(item, "dtype") else "is a group"
        label = f"{group.name}/{name}".strip("/")
        raise DemonstrationError(f"{source}: {label!r} {found}; expected an array of numbers. Write the file again")
    return np.asarray(item[()])


def is_numbers(item: Any) -> bool:
    """Whether an object of a file is an array of numbers or truth values, of one axis at least."""
    return hasattr(item, "chunks") and item.dtype.kind in "biuf" and len(item.shape or ()) > 0


def _check_chunks(source: str, name: str, item: Any, limit: int) -> None:
    nominal = int(np.prod(item.chunks, dtype=object)) * item.dtype.itemsize
    if nominal > limit:
        raise DemonstrationError(f"{source}: {name!r} has chunks of {nominal} bytes; expected at most {limit}")
    pipeline = item.id.get_create_plist()
    filters = [pipeline.get_filter(n)[0] for n in range(pipeline.get_nfilters())]
    found = [number for number in filters if number in _COMPRESSIONS]
    if len(found) > 1 or not set(filters) <= {*_COMPRESSIONS, _SHUFFLE, _CHECKSUM}:
        raise DemonstrationError(
            f"{source}: {name!r} is compressed by the HDF5 filters {filters}; expected gzip or lzf, whose size is "
            "bounded. Write it again with: h5repack -f GZIP=4"
        )
    if not found:
        return
    stored: list[Any] = []
    item.id.chunk_iter(stored.append)
    for chunk in stored:
        if chunk.size > nominal + 4096:  # compression that gains nothing is left out by HDF5
            raise _bomb(source, name, nominal)
        if chunk.size > _FREE_CHUNK and not _fits(item, chunk, filters, nominal):
            raise _bomb(source, name, nominal)


def _fits(item: Any, chunk: Any, filters: list[int], nominal: int) -> bool:
    """Whether a chunk unpacks to its own size; told by unpacking no more than that."""
    if _DEFLATE not in filters:
        return bool(chunk.size * _COMPRESSIONS[_LZF] <= 2**30)
    mask, content = item.id.read_direct_chunk(chunk.chunk_offset)
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
