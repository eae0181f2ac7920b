"""Torch tensors inside plain pickles, rebuilt as numpy arrays: torch itself is neither needed nor trusted.

A pickled tensor carries its storage as bytes for ``torch.storage._load_from_bytes``, which would unpickle them
without any check. The bytes are in torch's legacy file format: five pickles, then the length and data of each storage.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Container
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.reading.containers.pickles.rebuild import Allowed, Budget, allow

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a file that torch wrote before version 1.6."""

_STORAGES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "BoolStorage": "|b1",
}
_DTYPES = {name.encode(): np.dtype(code) for name, code in _STORAGES.items()}

# The five pickles exactly as torch writes them, for speed: nearly every storage has this form, and a recording may have
# millions. Any other storage is read instruction by instruction, with the same result or refusal.
_WRITTEN = re.compile(
    re.escape(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00(")
    + re.escape(b"X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\r\x00\x00\x00little_endianq\x02\x88")
    + re.escape(b"X\n\x00\x00\x00type_sizesq\x03}q\x04(X\x05\x00\x00\x00shortq\x05K\x02")
    + re.escape(b"X\x03\x00\x00\x00intq\x06K\x04X\x04\x00\x00\x00longq\x07K")
    + rb"[\x04\x08]"
    + re.escape(b"uu.\x80\x02(X\x07\x00\x00\x00storageq\x00ctorch\n")
    + rb"(?P<kind>[A-Za-z]+)"
    + re.escape(b"\nq\x01X")
    + rb"(?P<length>.)\x00\x00\x00(?P<key>[0-9]{1,20})"
    + re.escape(b"q\x02X\x03\x00\x00\x00cpuq\x03")
    + rb"(?P<count>K.|M..|J....)"
    + re.escape(b"Ntq\x04Q.\x80\x02]q\x00X")
    + rb"(?P=length)\x00\x00\x00(?P=key)"
    + re.escape(b"q\x01a.")
    + rb"(?P<stored>.{8})",
    re.DOTALL,
)
_INNER = frozenset(f"torch.{name}" for name in _STORAGES)

Read = Callable[..., Any]
"""``read(stream, allowed, persistent_load)`` reads one nested pickle, checked like the outer one."""


def torch_table(budget: Budget, read: Read) -> dict[str, Allowed]:
    """Return what stands for the allowed torch globals of one file, by dotted name."""

    def load_from_bytes(raw: object) -> NDArray[Any]:
        if not isinstance(raw, bytes):
            raise budget.error("a torch storage without content")
        budget.charge(len(raw))
        return _read_storage(raw, budget, read)

    def rebuild_tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> NDArray[Any]:
        return _rebuild(storage, offset, size, stride, budget)

    def rebuild_parameter(data: object, *_: object) -> object:
        return data

    calls: dict[str, Callable[..., Any]] = {
        "torch.storage._load_from_bytes": load_from_bytes,
        "torch._utils._rebuild_tensor_v2": rebuild_tensor,
        "torch._utils._rebuild_tensor": rebuild_tensor,
        "torch._utils._rebuild_parameter": rebuild_parameter,
    }
    return {name: allow(name, call) for name, call in calls.items()}


def _read_storage(raw: bytes, budget: Budget, read: Read) -> NDArray[Any]:
    if (written := _read_written(raw)) is not None:
        return written
    stream = io.BytesIO(raw)
    nothing: Container[str] = frozenset()
    magic, _, system = (read(stream, nothing, None) for _ in range(3))
    if magic != LEGACY_MAGIC or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise budget.error("a torch storage that is not a little-endian legacy file")
    dtype, key, count = read(stream, _INNER, described)
    if read(stream, nothing, None) != [key]:
        raise budget.error("a torch storage that holds other storages")
    stored = int.from_bytes(stream.read(8), "little")
    content = stream.read()
    if stored != count or len(content) != count * dtype.itemsize:
        raise budget.error(f"a torch storage of {count} numbers with content of another size")
    return np.frombuffer(content, dtype)


def _read_written(raw: bytes) -> NDArray[Any] | None:
    """Return a storage that is written exactly as torch writes it; None for all others, honest or not."""
    found = _WRITTEN.match(raw)
    if found is None:
        return None
    kind, length, key, count, stored = found.groups()
    dtype, size = _DTYPES.get(kind), int.from_bytes(count[1:], "little")
    whole = length[0] == len(key) and size < 2**31 and int.from_bytes(stored, "little") == size
    if dtype is None or not whole or len(raw) - found.end() != size * dtype.itemsize:
        return None
    return np.frombuffer(raw, dtype, size, found.end()) if size else np.empty(0, dtype)


def described(reference: object) -> tuple[np.dtype[Any], str, int]:
    """Return the dtype, key and length in a reference to a storage, ('storage', class, key, device, length, ...).

    Raises:
        ValueError: The object is not a reference to a storage.
    """
    if not isinstance(reference, tuple) or len(reference) < 5 or reference[0] != "storage":
        raise ValueError("not a reference to a torch storage")
    kind, key, count = reference[1], reference[2], reference[4]
    if not isinstance(kind, Allowed) or not isinstance(key, str) or not isinstance(count, int):
        raise ValueError("not a reference to a torch storage")
    return kind(), key, count


def storage_classes() -> dict[str, Allowed]:
    """Return what stands for torch's storage classes, by dotted name; a call of each returns its dtype."""

    def giving(code: str) -> Callable[[], np.dtype[Any]]:
        return lambda: np.dtype(code)

    return {f"torch.{name}": allow(f"torch.{name}", giving(code)) for name, code in _STORAGES.items()}


def _rebuild(storage: object, offset: object, size: object, stride: object, budget: Budget) -> NDArray[Any]:
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride) or len(size) > 32:
        raise budget.error("a torch tensor of impossible shape")
    if not isinstance(storage, np.ndarray) or storage.ndim != 1 or not isinstance(offset, int):
        raise budget.error("a torch tensor of impossible parts")
    if storage.dtype.hasobject:
        raise budget.error("a torch tensor of objects")
    if not all(type(n) is int and 0 <= n < 2**62 for n in (offset, *size, *stride)):
        raise budget.error("a torch tensor of impossible shape")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and last >= len(storage):
        raise budget.error(f"a torch tensor of shape {size} that reaches beyond its storage")
    budget.charge(count * storage.itemsize)
    if not count:
        return np.empty(size, storage.dtype)
    strides = tuple(step * storage.itemsize for step in stride)
    return np.ndarray(size, storage.dtype, storage, offset * storage.itemsize, strides).copy()
