"""numpy's own files, ``.npy`` and ``.npz``, read without trusting what they claim and without numpy's unpickling."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.guards import naming_damage, read_head

FREE_BYTES = 256 * 1024**2
"""The bytes in memory that any file may claim, however small it is."""

MAGIC = b"\x93NUMPY"

_CHUNK = 2**18  # small enough to be in the processor's cache when its checksum is computed
_HEADER_BYTES = 128  # nearly every npy header's size; a larger buffer would copy part of the array once more
_ENCRYPTED = 1
_LOCAL = struct.Struct("<4s5H3I2H")  # the header before each member of a zip archive

_EXPANSION = 4  # recorded numbers are noisy, so an honest npz is rarely compressed further than that

Unpickle = Callable[[bytes, str], Any]
"""``unpickle(content, source)`` reads the objects of an array with the allow-list unpickler."""


def memory_limit(file_bytes: int, expansion: int = _EXPANSION) -> int:
    """Return the bytes in memory that the content of a file of this size may take."""
    return max(FREE_BYTES, expansion * file_bytes)


def zip_members(path: Path) -> tuple[zipfile.ZipInfo, ...]:
    """Return the members that a zip archive lists; none if the file is not an archive or is damaged."""
    if not path.is_file() or not read_head(path, 4).startswith(b"PK"):
        return ()
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(archive.infolist())
    except Exception:  # zipfile raises many kinds of errors on damaged bytes; here they only mean "no archive"
        return ()


def check_claims(source: str, members: Iterable[zipfile.ZipInfo], limit: int) -> None:
    """Refuse an archive that would unpack to far more than its size.

    Raises:
        DemonstrationError: The members claim more than ``limit`` bytes.
    """
    claimed = sum(item.file_size for item in members)
    if claimed > limit:
        raise DemonstrationError(
            f"{source}: its members claim {claimed} bytes; expected at most {limit} from a file of this size. "
            "Write it again with save_demonstrations, which does not compress"
        )


def read_member(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> bytes:
    """Return the bytes of one member, unpacked in pieces and no further than to the size that it claims.

    zipfile's own ``read`` unpacks everything before it cuts off the excess.

    Raises:
        zipfile.BadZipFile: The member is damaged, or holds something other than it claims.
    """
    with archive.open(item) as stream:
        return _rest(stream)


@contextmanager
def open_member(path: Path, item: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open one member of an archive for reading; one that is not compressed is read straight from the file.

    Raises:
        zipfile.BadZipFile: The member is damaged. Its checksum is checked once it is read to its end.
    """
    if item.compress_type == zipfile.ZIP_STORED and not item.flag_bits & _ENCRYPTED:
        with path.open("rb", buffering=0) as file:
            yield cast(IO[bytes], io.BufferedReader(_Stored(file, item), _HEADER_BYTES))
        return
    with zipfile.ZipFile(path) as archive, archive.open(item) as stream:
        yield stream


def stored_at(file: IO[bytes] | io.FileIO, item: zipfile.ZipInfo) -> int:
    """Return the position in an open archive at which the bytes of a member that is not compressed begin.

    Raises:
        zipfile.BadZipFile: The header before the member is damaged.
    """
    file.seek(item.header_offset)
    head = file.read(_LOCAL.size) or b""
    if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04") or item.compress_size != item.file_size:
        raise zipfile.BadZipFile("the header of a member is damaged")
    name, extra = _LOCAL.unpack(head)[-2:]
    return int(item.header_offset + _LOCAL.size + name + extra)


class _Stored(io.RawIOBase):
    """The bytes of a member that is not compressed; zipfile would copy them twice more."""

    def __init__(self, file: io.FileIO, item: zipfile.ZipInfo) -> None:
        self._file, self._item, self._crc = file, item, 0
        file.seek(stored_at(file, item))
        self._left = item.file_size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        count = self._file.readinto(view) or 0
        self._crc, self._left = zlib.crc32(view[:count], self._crc), self._left - count
        if len(view) and not count:
            raise zipfile.BadZipFile("a member is cut short")
        if not self._left and self._crc != self._item.CRC:
            raise zipfile.BadZipFile("a member has another checksum than its own")
        return count


def read_npy(
    stream: IO[bytes],
    source: str,
    *,
    member: str = "",
    unpickle: Unpickle | None = None,
    size: int | None = None,
) -> Array:
    """Read one array, whose content must have the size that its header claims.

    Args:
        stream: The bytes from the magic number to the end of the array.
        source: The file's name, for messages.
        member: The array's name within the file.
        unpickle: The function that reads arrays of objects, which are pickles; without it they are refused.
        size: The bytes that the stream holds at most, if that number is known and was found to be bounded.

    Raises:
        UnsafeFileError: The array's objects are a pickle that would execute code.
        DemonstrationError: It is not an array of numbers, text or allowed objects, or not of the claimed size.
    """
    label = f"{source}: {member}" if member else f"{source}: the file"
    shape, fortran, dtype = read_header(stream, label)
    if dtype.kind == "O" and unpickle is not None:
        return _objects(unpickle(_rest(stream), f"{source} ({member})" if member else source), shape, label)
    if dtype.kind not in ("biuf" if unpickle is None else "biufSU"):
        raise DemonstrationError(f"{label} has dtype {dtype}; expected numbers, nothing was unpickled")
    claimed = math.prod(shape) * dtype.itemsize
    content = _rest(stream) if size is None or claimed > size else _read_into(stream, claimed)
    if claimed != len(content):
        raise DemonstrationError(
            f"{label} claims shape {shape} of {dtype}, but holds {len(content)} bytes; write or download it again"
        )
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _rest(stream: IO[bytes]) -> bytes:
    return b"".join(iter(lambda: stream.read(_CHUNK), b""))


def _read_into(stream: IO[bytes], claimed: int) -> bytes | NDArray[np.uint8]:
    """Return what a stream holds, at least one byte more than claimed if there is more.

    Reading in pieces into one buffer saves the copies that zipfile makes of a member that is read at once.
    """
    content, done = np.empty(claimed, np.uint8), 0
    view = content.data
    # Both kinds of stream have readinto, which saves a copy, but IO, as which zipfile's is typed, does not.
    while done < claimed and (count := stream.readinto(view[done : done + _CHUNK])):  # type: ignore[attr-defined]
        done += count
    more = stream.read(_CHUNK)  # the checksum is checked at the end of the stream
    return content.tobytes() + more if more else content[:done]


def read_header(stream: IO[bytes], label: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of an array: its shape, whether it is in Fortran's order, and its dtype.

    Raises:
        DemonstrationError: The array is of a version that rexd does not read.
    """
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise DemonstrationError(f"{label} has npy version {version}; expected 1.0 or 2.0")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def _objects(content: Any, shape: tuple[int, ...], label: str) -> Array:
    found = content.shape if isinstance(content, np.ndarray) else type(content).__name__
    if not isinstance(content, np.ndarray) or found != shape:
        raise DemonstrationError(f"{label} claims shape {shape} of objects, but holds {found}; write it again")
    return np.asarray(content)


class Npz(Mapping[str, Array]):
    """The arrays of an npz, each read when it is first asked for; the allow-list unpickler reads arrays of objects."""

    def __init__(self, path: Path, members: tuple[zipfile.ZipInfo, ...], unpickle: Unpickle) -> None:
        """Take what the archive lists; nothing is read yet."""
        self._path, self._unpickle = path, unpickle
        self._members = {item.filename.removesuffix(".npy"): item for item in members if _is_array(item)}
        self._read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        """Read one array.

        Raises:
            UnsafeFileError: The array holds a pickle that would execute code.
            DemonstrationError: The array is damaged, or the file claims more than it can hold.
        """
        if name not in self._read:
            self._read[name] = self._load(self._members[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in the file's order."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self._members)

    def _load(self, item: zipfile.ZipInfo) -> Array:
        limit = memory_limit(self._path.stat().st_size)
        check_claims(str(self._path), self._members.values(), limit)
        with naming_damage(self._path, item.filename), open_member(self._path, item) as stream:
            return read_npy(stream, str(self._path), member=item.filename, unpickle=self._unpickle, size=item.file_size)


def _is_array(item: zipfile.ZipInfo) -> bool:
    return item.filename.endswith(".npy") and "/" not in item.filename
