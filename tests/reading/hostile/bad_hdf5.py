"""HDF5 files that would make the library open other files, or allocate memory for values that they do not hold."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_archives import zeros
from bad_folders import minari
from bad_pickles import call
from corpus import Make, add

Fill = Callable[[Any, Any, Path], object]


def _outside(h5py: Any, mark: Path) -> Path:
    with h5py.File(mark.parent / "outside.h5", "w") as file:
        file["data"] = np.arange(6.0)
    return mark.parent / "outside.h5"


def _hdf5(fill: Fill) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        h5py = pytest.importorskip("h5py")
        outside = _outside(h5py, mark)
        with h5py.File(folder / "demos.hdf5", "w") as file:
            file["actions"] = np.arange(6.0).reshape(6, 1)
            file["terminals"] = np.arange(6) == 5
            fill(h5py, file, outside)
        return folder / "demos.hdf5"

    return make


def _episode(fill: Fill) -> Make:
    """Fill an episode of a Minari dataset, whose arrays are checked one by one as they are read."""

    def make(folder: Path, mark: Path) -> Path:
        h5py = pytest.importorskip("h5py")
        outside, dataset = _outside(h5py, mark), minari(folder / "demos")
        with h5py.File(dataset / "data" / "main_data.hdf5", "a") as file:
            del file["episode_0/observations"]
            fill(h5py, file["episode_0"], outside)
        return dataset

    return make


def external_link(h5py: Any, file: Any, outside: Path) -> None:
    file["observations"] = h5py.ExternalLink(str(outside), "/data")


def external_link_in_a_group(h5py: Any, file: Any, outside: Path) -> None:
    file["data/demo_0/obs"] = h5py.ExternalLink(str(outside), "/data")


def external_link_to_passwd(h5py: Any, file: Any, outside: Path) -> None:
    file["observations"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link_to_an_external_one(h5py: Any, file: Any, outside: Path) -> None:
    file["link"] = h5py.ExternalLink(str(outside), "/data")
    file["observations"] = h5py.SoftLink("/link")


def external_storage(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (6, 1), "u1", external=[(str(outside), 0, 6)])


def external_storage_of_passwd(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (6, 1), "u1", external=[("/etc/passwd", 0, 6)])


def virtual_dataset(h5py: Any, file: Any, outside: Path) -> None:
    layout = h5py.VirtualLayout(shape=(6,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(outside), "data", shape=(6,))
    file.create_virtual_dataset("observations", layout)


ELSEWHERE = (
    external_link,
    external_link_in_a_group,
    external_link_to_passwd,
    soft_link_to_an_external_one,
    external_storage,
    external_storage_of_passwd,
    virtual_dataset,
)
for _fill in ELSEWHERE:
    _name = _fill.__name__.replace("_", " ")
    add(f"hdf5: {_name}", _hdf5(_fill), r"demos\.hdf5: .*which was not opened", unsafe=True)
    add(f"Minari: {_name}", _episode(_fill), r"main_data\.hdf5: .*which was not opened", unsafe=True)


def _petabyte(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (10**14, 2), "f4", chunks=(1024, 2))


def _petabyte_of_text(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (10**12,), "S1000", chunks=(16,))


def _chunks_never_written(h5py: Any, file: Any, outside: Path) -> None:
    item = file.create_dataset("observations", (25_000_000, 1), "f8", chunks=(1024, 1), compression="gzip")
    item[0] = 1.0


def _never_written(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (25_000_000, 1), "f8")


def _many_claims(h5py: Any, file: Any, outside: Path) -> None:
    for number in range(100):
        file.create_dataset(f"data/demo_{number}/obs/x", (2**23, 1), "f4", chunks=(1024, 1))


def _beyond_64_bits(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (2**40, 2**40), "f8", chunks=(16, 16))


def _chunk_bomb(h5py: Any, file: Any, outside: Path, **options: Any) -> None:
    bomb = b"\x78\x01" + zeros() + bytes(4)
    shape = ((len(bomb) + 8) // 4 * 4,)
    item = file.create_dataset("observations", shape, "u1", chunks=shape, compression="gzip", **options)
    item.id.write_direct_chunk((0,), bomb + b"\x00" * 4 * len(options))


def _checked_chunk_bomb(h5py: Any, file: Any, outside: Path) -> None:
    _chunk_bomb(h5py, file, outside, fletcher32=True)


def _huge_chunks(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", (4,), "u1", chunks=(2**29,), maxshape=(None,), compression="gzip")


def _longer_chunk_than_nominal(h5py: Any, file: Any, outside: Path) -> None:
    item = file.create_dataset("observations", (4,), "u1", chunks=(4,), compression="gzip")
    item.id.write_direct_chunk((0,), zlib.compress(bytes(2**22)) + bytes(5000))


def _other_filter(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", data=np.arange(6), chunks=(6,), scaleoffset=0)


for _name, _fill, _refusal in (
    ("claims a petabyte", _petabyte, r"its arrays claim \d+ bytes; expected at most"),
    ("claims a petabyte of text", _petabyte_of_text, r"its arrays claim \d+ bytes"),
    ("chunks that were never written", _chunks_never_written, r"'.*observations', were never written"),
    ("an array that was never written", _never_written, r"'.*observations', were never written"),
    ("claims much in many arrays", _many_claims, r"\d+ bytes of its arrays, such as .* were never written"),
    ("claims more than 64 bits count", _beyond_64_bits, r"demos\.hdf5: "),
    ("a chunk that is a bomb", _chunk_bomb, "a compressed chunk of '.*observations' holds more than its"),
    ("a bomb behind a checksum", _checked_chunk_bomb, "a compressed chunk of '.*observations' holds more than its"),
    ("chunks far larger than the array", _huge_chunks, r"has chunks of \d+ bytes; expected at most"),
    ("a stored chunk larger than it may be", _longer_chunk_than_nominal, "holds more than its 4 bytes"),
    ("a filter of unknown size", _other_filter, "is compressed by the HDF5 filters"),
):
    add(f"hdf5: {_name}", _hdf5(_fill), _refusal, unsafe=False)
    if _fill not in (_petabyte_of_text, _many_claims):  # no arrays of numbers, or not of the episode: never read
        add(f"Minari: {_name}", _episode(_fill), _refusal.replace("demos", "main_data"), unsafe=False)


def _circle(h5py: Any, file: Any, outside: Path) -> None:
    file["observations"] = h5py.SoftLink("/observations")


def _group_in_itself(h5py: Any, file: Any, outside: Path) -> None:
    file.create_group("data/demo_0/obs")
    file["data/demo_0/obs/again"] = file["data"]


def _opaque_pickle(h5py: Any, file: Any, outside: Path) -> None:
    attack = call("os.system", f"touch {outside.parent / 'mark'}")
    file["observations"] = np.array([np.void(attack)] * 6)
    file.attrs["pickled"] = np.void(attack)
    file["actions"].attrs["pickled"] = np.void(attack)


def _text_pickle(h5py: Any, file: Any, outside: Path) -> None:
    file["observations"] = np.array([pickle.dumps(print)] * 6)


def _references(h5py: Any, file: Any, outside: Path) -> None:
    file.create_dataset("observations", data=[file["actions"].ref] * 6, dtype=h5py.ref_dtype)


for _name, _fill in (
    ("a link to itself", _circle),
    ("a group that holds itself", _group_in_itself),
    ("a pickle as opaque bytes and attributes", _opaque_pickle),
    ("a pickle as text", _text_pickle),
    ("references in place of numbers", _references),
):
    add(f"hdf5: {_name}", _hdf5(_fill), r"demos\.hdf5: ", unsafe=False)
