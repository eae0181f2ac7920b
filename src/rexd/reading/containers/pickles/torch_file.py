"""The files of ``torch.save``, read without torch: a zip archive since torch 1.6, a sequence of pickles before.

Both hold one pickle of the saved object, in which a tensor refers to its storage by a key; the storages follow as
plain bytes. The allow-list unpickler reads the pickle like any other.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.errors import DemonstrationError
from rexd.reading.containers.guards import naming_damage
from rexd.reading.containers.npz import check_claims, memory_limit, read_member
from rexd.reading.containers.pickles.rebuild import Budget
from rexd.reading.containers.pickles.torch_tensors import LEGACY_MAGIC, described
from rexd.reading.containers.pickles.unpickler import PickleReader

_LEGACY_HEAD = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the instructions LONG1 with the magic number, and STOP

Storages = dict[str, NDArray[Any]]


def is_legacy_torch(head: bytes) -> bool:
    """Whether a file starts as torch wrote it before version 1.6."""
    return head.startswith(b"\x80") and head[2:].startswith(_LEGACY_HEAD)


def torch_prefix(names: tuple[str, ...]) -> str | None:
    """Return the path of the folder within a zip archive of ``torch.save``; None for other archives."""
    found = [name.removesuffix("data.pkl") for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    return found[0] if len(found) == 1 else None


def load_torch_zip(path: Path, members: tuple[zipfile.ZipInfo, ...], prefix: str) -> Any:
    """Read a torch file of version 1.6 or later; tensors come back as arrays.

    Raises:
        UnsafeFileError: Its pickle names a global that is not allowed.
        DemonstrationError: It is damaged, or claims more than it holds.
    """
    size = path.stat().st_size
    check_claims(str(path), members, memory_limit(size))
    with naming_damage(path, "the torch file"), zipfile.ZipFile(path) as archive:
        order = f"{prefix}byteorder"
        if order in archive.namelist() and read_member(archive, archive.getinfo(order)) != b"little":
            raise DemonstrationError(
                f"{path}: its tensors are not little-endian; expected little-endian ones, save it on another machine"
            )
        storages: Storages = {}

        def persistent(reference: object) -> NDArray[Any]:
            dtype, key, count = described(reference)
            if key not in storages:
                storages[key] = _storage(
                    str(path), read_member(archive, archive.getinfo(f"{prefix}data/{key}")), dtype, count
                )
            return storages[key]

        reader = PickleReader(str(path), Budget(str(path), size), persistent)
        return reader.read_all(read_member(archive, archive.getinfo(f"{prefix}data.pkl")))


def load_legacy_torch(path: Path) -> Any:
    """Read a torch file of a version before 1.6; tensors come back as arrays.

    Raises:
        UnsafeFileError: Its pickle names a global that is not allowed.
        DemonstrationError: It is damaged, or claims more than it holds.
    """
    with naming_damage(path, "the torch file"):
        content = path.read_bytes()
        stream = io.BytesIO(content)
        plain = PickleReader(str(path), Budget(str(path), len(content)))
        magic, _, system = (plain.read_one(stream) for _ in range(3))
        if magic != LEGACY_MAGIC or not isinstance(system, dict) or system.get("little_endian") is not True:
            raise DemonstrationError(f"{path}: is not a little-endian file of torch.save; save it again")
        # The object comes before its storages, so it is read twice: first to learn which storages it refers to.
        start, wanted = stream.tell(), _Wanted(str(path), len(content))
        PickleReader(str(path), Budget(str(path), len(content)), wanted).read_one(stream)
        keys = plain.read_one(stream)
        if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(wanted.found):
            raise DemonstrationError(f"{path}: holds other storages than its tensors refer to; save it again")
        storages: Storages = {}
        for key in map(str, keys):
            dtype, count = wanted.found[key]
            stored = int.from_bytes(stream.read(8), "little")
            storages[key] = _storage(str(path), stream.read(stored * dtype.itemsize), dtype, count)
        stream.seek(start)
        budget = Budget(str(path), len(content))
        return PickleReader(str(path), budget, lambda ref: storages[described(ref)[1]]).read_one(stream)


class _Wanted:
    """A ``persistent_load`` that records each storage that a pickle refers to and gives zeros in its place."""

    def __init__(self, source: str, file_bytes: int) -> None:
        self.source, self.left = source, file_bytes
        self.found: dict[str, tuple[np.dtype[Any], int]] = {}
        self.zeros: Storages = {}

    def __call__(self, reference: object) -> NDArray[Any]:
        dtype, key, count = described(reference)
        if key not in self.zeros:
            self.left -= count * dtype.itemsize
            if count < 0 or self.left < 0:
                raise DemonstrationError(
                    f"{self.source}: its tensors claim more bytes than the file has; save it again"
                )
            self.found[key] = dtype, count
            self.zeros[key] = np.zeros(count, dtype)
        return self.zeros[key]


def _storage(source: str, content: bytes, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    if len(content) != count * dtype.itemsize:
        raise DemonstrationError(
            f"{source}: a torch storage holds {len(content)} bytes; expected {count} numbers of {dtype}. The file is "
            "cut short or damaged: save or download it again"
        )
    return np.frombuffer(content, dtype)
