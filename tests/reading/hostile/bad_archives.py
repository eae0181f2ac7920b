"""npy, npz and torch archives that claim more than they hold or whose members lead elsewhere, and compressed files."""

from __future__ import annotations

import functools
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bad_pickles import call
from corpus import Make, add

BOMB = 2**28 + 2**20  # just above what any file may claim


def header(shape: str, descr: str = "<f8") -> bytes:
    """Return the header of an npy with any text as its shape."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def npy(shape: str, descr: str = "<f8", content: bytes = b"\x00" * 16) -> bytes:
    return header(shape, descr) + content


def _file(name: str, content: Callable[[Path], bytes]) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        (folder / name).write_bytes(content(mark))
        return folder / name

    return make


def _zip(name: str, members: Callable[[Path], dict[str, bytes]]) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member, content in members(mark).items():
                archive.writestr(member, content)
        return folder / name

    return make


for _name, _shape, _descr in (
    ("a petabyte", "(1000000000000000,)", "<f8"),
    ("a product beyond 64 bits", "(4294967296, 4294967296, 4294967296)", "<f8"),
    ("a negative shape", "(-1,)", "<f8"),
    ("more numbers than there are", "(3, 2)", "<f8"),
    ("long text", "(1000000,)", "<U999999"),
    ("records", "(1,)", "V999999999"),
    ("a call in its header", "(__import__('os').system('true'),)", "<f8"),
    ("a deep header", "(" * 5000, "<f8"),
):
    add(
        f"npy that claims {_name}",
        _file("demos.npy", lambda mark, s=_shape, d=_descr: npy(s, d)),
        r"demos\.npy: ",
        unsafe=False,
    )  # type: ignore[misc]
    add(
        f"npz that claims {_name}",
        _zip("demos.npz", lambda mark, s=_shape, d=_descr: {"obs.npy": npy(s, d), "acts.npy": npy("(2,)")}),  # type: ignore[misc]
        r"demos\.npz: ",
        unsafe=False,
    )
add(
    "npy of objects with another pickle behind its header",
    _file("demos.npy", lambda mark: header("(1,)", "|O") + call("os.system", f"touch {mark}")),
    r"asks for 'os\.system'",
    unsafe=True,
)


@functools.cache
def zeros() -> bytes:
    """Return a deflated stream that unpacks to BOMB zeros, made without holding all of them in memory."""
    packer, piece = zlib.compressobj(1, zlib.DEFLATED, -15), bytes(2**20)
    parts = [packer.compress(piece) for _ in range(BOMB // 2**20)]
    return b"".join([*parts, packer.flush()])


def _packed_zip(file: Path, members: dict[str, int], head: bytes = b"") -> Path:
    """Write an archive whose members are the zeros, each with the size that it claims."""
    body, central = io.BytesIO(), io.BytesIO()
    for name, size in members.items():
        raw, at = name.encode(), body.tell()
        common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(zeros()), size, len(raw), 0)
        body.write(b"PK\x03\x04" + common + raw + zeros())
        central.write(b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + raw)
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), central.tell(), body.tell(), 0)
    file.write_bytes(body.getvalue() + central.getvalue() + b"PK\x05\x06" + end)
    return file


def _bomb(name: str, *members: str, size: int = BOMB) -> Make:
    return lambda folder, mark: _packed_zip(folder / name, dict.fromkeys(members, size))


_CLAIM = "its members claim .* expected at most"
add("zip bomb: an npz", _bomb("demos.npz", "obs.npy", "acts.npy"), _CLAIM, unsafe=False)
add("zip bomb: rexd's npz", _bomb("demos.npz", "rexd.npy"), _CLAIM, unsafe=False)
add(
    "zip bomb: imitation's npz",
    _bomb("demos.npz", "obs.npy", "acts.npy", "indices.npy", "terminal.npy"),
    _CLAIM,
    unsafe=False,
)
add("zip bomb: a torch file", _bomb("demos.pt", "demos/data.pkl", "demos/data/0"), _CLAIM, unsafe=False)
add(
    "zip bomb: an npz that hides its size",
    _bomb("demos.npz", "obs.npy", "acts.npy", size=100),
    r"demos\.npz: ",
    unsafe=False,
)
add(
    "zip bomb: a torch file that hides its size",
    _bomb("demos.pt", "demos/data.pkl", size=100),
    r"demos\.pt: ",
    unsafe=False,
)


# Names and entries of archives that lead elsewhere: no member is ever written to disk, or opened as a file.

_ARRAY = npy("(2, 1)")
for _name, _member in (
    ("a name that climbs", "../../{}.npy"),
    ("an absolute name", "/{}.npy"),
    ("a name of Windows", "C:\\{}.npy"),
    ("a name with a folder", "folder/{}.npy"),
):
    add(
        f"zip: {_name}",
        _zip("demos.npz", lambda mark, m=_member: {m.format("obs"): _ARRAY, m.format("acts"): _ARRAY}),  # type: ignore[misc]
        r"demos\.npz: ",
        unsafe=False,
    )


def _linked(folder: Path, mark: Path) -> Path:
    with zipfile.ZipFile(folder / "demos.npz", "w") as archive:
        for name in ("obs.npy", "acts.npy"):
            item = zipfile.ZipInfo(name)
            item.external_attr = 0o120777 << 16  # a symbolic link, as archivers of Unix store it
            archive.writestr(item, "/etc/passwd")
    return folder / "demos.npz"


def _twice(folder: Path, mark: Path) -> Path:
    """Write an npz with two members of one name, of which the second is a pickle."""
    import warnings

    with zipfile.ZipFile(folder / "demos.npz", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("acts.npy", _ARRAY)
        archive.writestr("obs.npy", _ARRAY)
        archive.writestr("obs.npy", header("(1,)", "|O") + call("os.system", f"touch {mark}"))
    return folder / "demos.npz"


def _torch_names(folder: Path, mark: Path) -> Path:
    """Write a torch file with a tensor whose storage has the path of a file elsewhere as its name."""
    key = b"../../../../etc/passwd"
    pid = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX"
        + struct.pack("<I", len(key))
        + key
        + b"X\x03\x00\x00\x00cpuK\x01tQ"
    )
    tensor = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + pid + b"K\x00K\x01\x85K\x01\x85\x89NtR."
    with zipfile.ZipFile(folder / "demos.pt", "w") as archive:
        archive.writestr("demos/data.pkl", tensor)
    return folder / "demos.pt"


add("zip: members that are links", _linked, r"demos\.npz: ", unsafe=False)
add("zip: two members of one name", _twice, r"asks for 'os\.system'", unsafe=True)
add("torch: a storage named like a file elsewhere", _torch_names, r"demos\.pt: .*etc/passwd", unsafe=False)


# Packed files are never unpacked.


def _gzip(folder: Path, mark: Path) -> Path:
    crc = zlib.crc32(b"")
    (folder / "demos.pkl").write_bytes(gzip.compress(b"", mtime=0)[:10] + zeros() + struct.pack("<II", crc, BOMB))
    return folder / "demos.pkl"


add("gzip bomb", _gzip, "is compressed .*decompress it first", unsafe=False)
for _name, _magic in (("bzip2", b"BZh9"), ("xz", b"\xfd7zXZ\x00"), ("zstd", b"\x28\xb5\x2f\xfd")):
    add(f"{_name} bomb", _file("demos.npz", lambda mark, m=_magic: m + bytes(100)), "is compressed", unsafe=False)  # type: ignore[misc]


def _objects_in_npz(mark: Path) -> dict[str, bytes]:
    array: Any = np.empty(2, object)
    array[:] = [1, 2]
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return {"obs.npy": stream.getvalue().replace(b"(2,)", b"(9,)"), "acts.npy": _ARRAY}


add(
    "npz of objects that claims another shape",
    _zip("demos.npz", _objects_in_npz),
    r"claims shape \(9,\) of objects",
    unsafe=False,
)
