"""A source tells each container by its content, opens it once, and does not trust what it claims."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rexd.errors import DemonstrationError, MissingExtraError, UnsafeFileError
from rexd.reading.containers import npz as arrays
from rexd.reading.containers.source import NOTHING, Source


class Attack:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("executed",)


def write(folder: Path, content: bytes) -> Source:
    file = folder / "file"
    file.write_bytes(content)
    return Source(file)


def hostile_objects() -> np.ndarray[Any, Any]:
    array = np.empty(2, object)
    array[0] = Attack()
    return array


def test_pickle(tmp_path: Path) -> None:
    source = write(tmp_path, pickle.dumps({"a": np.arange(3)}))
    assert source.looks_like_pickle
    assert source.content is source.content
    assert source.content["a"].tolist() == [0, 1, 2]
    assert (source.container, source.zip_members, len(source.npz), source.hdf5_keys) == ("a pickled", (), 0, ())
    assert source.table is None


def test_npy_of_numbers_and_of_objects(tmp_path: Path) -> None:
    file = tmp_path / "file.npy"
    np.save(file, np.arange(6).reshape(2, 3))
    assert Source(file).content.tolist() == [[0, 1, 2], [3, 4, 5]]
    np.save(file, {"obs": np.ones(2)}, allow_pickle=True)  # type: ignore[arg-type]
    assert Source(file).content["obs"].tolist() == [1, 1]
    rows = np.array([{"obs": 1}, {"obs": 2}], object)
    np.save(file, rows, allow_pickle=True)
    assert Source(file).content.tolist() == [{"obs": 1}, {"obs": 2}]


def test_hostile_objects_in_npy_and_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("file.npy", hostile_objects(), allow_pickle=True)
    with pytest.raises(UnsafeFileError, match=r"file\.npy: the pickle asks for '(posix|nt)\.mkdir'"):
        _ = Source("file.npy").content
    np.savez("file.npz", safe=np.ones(2), bad=hostile_objects())  # type: ignore[arg-type]
    source = Source("file.npz")
    assert source.npz["safe"].tolist() == [1, 1]
    with pytest.raises(UnsafeFileError, match=r"file\.npz \(bad\.npy\): the pickle asks for '(posix|nt)\.mkdir'"):
        _ = source.npz["bad"]
    assert not Path("executed").exists()


@pytest.mark.parametrize("shape", ["(1000000000000000,)", "(3, 2)", "(-1,)", "()"])
def test_npy_that_claims_another_size(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    source = write(tmp_path, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\x00" * 16)
    with pytest.raises(DemonstrationError, match=r"file: the (file claims shape|npy file is cut short or damaged)"):
        _ = source.content


def test_npz_is_read_member_by_member_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file.npz"
    objects = np.array([None, {"a": 1}], object)
    np.savez_compressed(file, obs=np.zeros(10**5), starts=objects, text=np.array("abc"))  # type: ignore[arg-type]
    source = Source(file)
    assert list(source.npz) == ["obs", "starts", "text"]
    assert source.npz["starts"].tolist() == [None, {"a": 1}]
    assert source.npz["obs"] is source.npz["obs"]
    assert source.content is NOTHING
    monkeypatch.setattr(arrays, "FREE_BYTES", 2**10)
    with pytest.raises(DemonstrationError, match=r"file\.npz: its members claim 80\d{4} bytes; expected at most"):
        _ = Source(file).npz["obs"]


def test_damaged_zip_has_no_members(tmp_path: Path) -> None:
    source = write(tmp_path, b"PK\x03\x04 cut short")
    assert (source.zip_members, len(source.npz), source.content) == ((), 0, NOTHING)


def test_other_zip_members_are_no_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "file.zip", "w") as archive:
        archive.writestr("../../obs.npy", b"x")
        archive.writestr("readme.txt", b"x")
    source = Source(tmp_path / "file.zip")
    assert source.zip_members == ("../../obs.npy", "readme.txt")
    assert list(source.npz) == []


def test_hdf5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    file = tmp_path / "file"
    with h5py.File(file, "w") as content:
        content["observations"] = np.ones(3)
    source = Source(file)
    assert source.hdf5_keys == ("observations",)
    with source.open_hdf5() as opened:
        assert opened["observations"][:].tolist() == [1, 1, 1]
    with (
        pytest.raises(DemonstrationError, match="file: the HDF5 file is cut short or damaged"),
        source.open_hdf5() as f,
    ):
        _ = f["absent"]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DemonstrationError, match="file: the HDF5 file is cut short or damaged"):
        _ = Source(file).hdf5_keys
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match="h5py is not installed"):
        _ = Source(file).hdf5_keys


def test_text(tmp_path: Path) -> None:
    table = write(tmp_path, "\ufeffä,b\n1,2\n".encode()).table
    assert table is not None
    assert table.names == ("ä", "b")
    assert write(tmp_path, "é".encode() * 5000 + b"a").is_text
    assert write(tmp_path, b"cart_x pole_y\n0.1 0.2\n").is_text
    for content in (b"\x00", b"\xff\xfe", pickle.dumps([1]), pickle.dumps([1], 0)):
        assert write(tmp_path, content).table is None
    damaged = write(tmp_path, b"1 2\n" * 2000 + b"\xff").table
    assert damaged is not None
    with pytest.raises(DemonstrationError, match=r"file: cannot be read as a table of 2 columns \(.*decode byte 0xff"):
        damaged.rows()


def test_folders_and_absent_files_hold_nothing(tmp_path: Path) -> None:
    for source in (Source(tmp_path), Source(tmp_path / "absent")):
        assert not source.is_file
        assert (source.head, source.content, source.zip_members, source.hdf5_keys) == (b"", NOTHING, (), ())
        assert (source.table, source.container, len(source.npz)) == (None, None, 0)
    assert repr(Source(tmp_path)) == f"Source({str(tmp_path)!r})"
    assert repr(NOTHING) == "nothing"
