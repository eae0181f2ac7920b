"""Checks of a file before any format reads it: what its first bytes say it is, and how large it is."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rexd.errors import DemonstrationError, RexdError

MAX_FILE_BYTES = 4 * 1024**3
"""Larger files are refused if they must be held in memory."""

MAX_STREAMED_BYTES = 1024**4
"""Larger files are refused even if they can be streamed; HDF5 is the only container that can."""

_HOLES_FROM = 64 * 1024**2  # bytes; smaller files cannot claim much
_LEAST_WRITTEN = 64  # a file of which less than one byte in so many was ever written is no recording

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_head(path: Path, count: int = 512) -> bytes:
    """Return the first bytes of a file.

    Raises:
        DemonstrationError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise DemonstrationError(f"{path}: cannot be read ({error.strerror or error})") from error


def check_file(path: Path, *, max_bytes: int | None = None) -> int:
    """Refuse a file that no format can hold: an empty one, a pointer to a file, a web page, or one that is too large.

    Args:
        path: The file.
        max_bytes: The largest size that is accepted; None stands for the limit of the file's container.

    Returns:
        The file's size in bytes.

    Raises:
        DemonstrationError: The file is missing, empty, too large or plainly not data.
    """
    if not path.is_file():
        found = "is not a regular file" if path.exists() else "does not exist"
        raise DemonstrationError(f"{path}: {found}; expected a demonstration file, check the path")
    head = read_head(path)
    size = path.stat().st_size
    if not head:
        raise DemonstrationError(f"{path}: is empty (0 bytes); expected demonstrations, download or record it again")
    if head.startswith(_LFS_POINTER):
        raise DemonstrationError(
            f"{path}: is a Git LFS pointer of {size} bytes, not the data; run 'git lfs pull' in the repository that it "
            "comes from"
        )
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise DemonstrationError(
            f"{path}: is a web page, not data; a download probably stored the page that shows the file. "
            "Use the link to the raw file"
        )
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise DemonstrationError(f"{path}: is compressed (gzip, bzip2, xz or zstd); decompress it first")
    if max_bytes is None:
        max_bytes = MAX_STREAMED_BYTES if head.startswith(HDF5_MAGIC) else MAX_FILE_BYTES
    if size > max_bytes:
        raise DemonstrationError(
            f"{path}: has {size} bytes; expected at most {max_bytes}. Store fewer trajectories, or store them as "
            "D4RL's HDF5 or as a Minari dataset, which are streamed"
        )
    if size > _HOLES_FROM and not _is_written(path, size):
        raise DemonstrationError(
            f"{path}: has {size} bytes, nearly all of which were never written (a sparse file); expected "
            "demonstrations. A download was probably broken off: download or record it again"
        )
    return size


def _is_written(path: Path, size: int) -> bool:
    """Whether a file is more than holes, which take no room on a disk and hold any number of zeros."""
    if not hasattr(os, "SEEK_DATA"):  # Windows and macOS do not tell
        return True
    written = place = 0
    with path.open("rb") as stream:
        while written * _LEAST_WRITTEN < size:
            try:
                first = os.lseek(stream.fileno(), place, os.SEEK_DATA)
                place = os.lseek(stream.fileno(), first, os.SEEK_HOLE)
            except OSError as error:
                return error.errno != errno.ENXIO  # ENXIO: only holes follow; other errors say that nothing is known
            written += place - first
    return True


@contextmanager
def naming_damage(name: object, what: str) -> Iterator[None]:
    """Turn whatever a library raises on damaged bytes into an error that names the file.

    Args:
        name: The file's name, for the message.
        what: What is read of it, such as ``the HDF5 file``.

    Raises:
        DemonstrationError: Anything but a ``RexdError`` was raised inside the block.
    """
    try:
        yield
    except RexdError:
        raise
    except Exception as error:  # zipfile, numpy, h5py and pyarrow raise many kinds
        raise DemonstrationError(
            f"{name}: {what} is cut short or damaged ({type(error).__name__}: {str(error)[:200]}); write or download "
            "it again"
        ) from error
