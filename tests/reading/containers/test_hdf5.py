"""Reading HDF5 opens no other file, and allocates no memory for values that the file does not hold."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.source import Source
from rexd.reading.load import load_demonstrations

h5py = pytest.importorskip("h5py")


def external_link(file: Any, secret: Path) -> None:
    file["group/link"] = h5py.ExternalLink(str(secret), "/data")


def link_at_the_top(file: Any, secret: Path) -> None:
    file["link"] = h5py.ExternalLink(str(secret), "/data")


def external_storage(file: Any, secret: Path) -> None:
    file.create_dataset("raw", (4,), "u1", external=[(str(secret), 0, 4)])


def virtual(file: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret), "data", shape=(3,))
    file.create_virtual_dataset("virtual", layout)


@pytest.mark.parametrize("make", [external_link, link_at_the_top, external_storage, virtual])
def test_other_files_are_not_opened(tmp_path: Path, make: Callable[[Any, Path], None]) -> None:
    secret, path = tmp_path / "secret.h5", tmp_path / "demos.h5"
    with h5py.File(secret, "w") as file:
        file["data"] = np.arange(3.0)
    with h5py.File(path, "w") as file:
        file["observations"] = np.ones(3)
        make(file, secret)
    with pytest.raises(UnsafeFileError, match=r"demos\.h5: '.*' .*which was not opened"):
        _ = Source(path).hdf5_keys


def test_claims_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a/observations", (10**12, 2), "f4", chunks=(1024, 2))
    with pytest.raises(DemonstrationError, match=r"demos\.h5: its arrays claim 8000000000000 bytes; expected at most"):
        _ = Source(path).hdf5_keys


def test_links_within_the_file_and_circles(tmp_path: Path) -> None:
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        file["group/data"] = np.ones(3)
        file["group/circle"] = file["group"]
        file["soft"] = h5py.SoftLink("/group/data")
        file["dangling"] = h5py.SoftLink("/nowhere")
    source = Source(path)
    assert set(source.hdf5_keys) == {"group", "soft", "dangling"}
    with source.open_hdf5() as file:
        assert file["group/circle/circle/data"][:].tolist() == [1, 1, 1]
    with (
        pytest.raises(DemonstrationError, match=r"demos\.h5: the HDF5 file is cut short or damaged"),
        source.open_hdf5() as f,
    ):
        _ = f["dangling"][:]


def test_damage_raises_rexd_errors_only(tmp_path: Path) -> None:
    path, rng = tmp_path / "demos.h5", np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["group/data"] = np.ones(3)
    honest, refused = path.read_bytes(), 0
    for _ in range(100):
        changed = bytearray(honest)
        for position in rng.integers(8, len(honest), 20):
            changed[position] = rng.integers(256)
        path.write_bytes(changed)
        try:
            _ = Source(path).hdf5_keys
        except DemonstrationError as error:
            refused += 1
            assert "demos.h5" in str(error)  # noqa: PT017  (some mutations change nothing that is read)
    assert refused > 5


@pytest.mark.parametrize("checksum", [False, True])
def test_chunks_that_unpack_to_more_than_their_size(tmp_path: Path, checksum: bool) -> None:
    path = tmp_path / "demos.h5"
    bomb = zlib.compress(b"\x00" * 2**29, 9)
    with h5py.File(path, "w") as file:
        shape = ((len(bomb) + 8) // 4 * 4,)
        item = file.create_dataset("obs", shape, "u1", chunks=shape, compression="gzip", fletcher32=checksum)
        item.id.write_direct_chunk((0,), bomb + b"\x00" * 4 * checksum)
    with pytest.raises(DemonstrationError, match=r"a compressed chunk of 'obs' holds more than its \d+ bytes"):
        _ = Source(path).hdf5_keys


def test_stored_chunks_larger_than_they_should_be(tmp_path: Path) -> None:
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        item = file.create_dataset("obs", (4,), "u1", chunks=(4,), compression="gzip")
        item.id.write_direct_chunk((0,), zlib.compress(b"\x00" * 2**24) + b"\x00" * 5000)
    with pytest.raises(DemonstrationError, match="a compressed chunk of 'obs' holds more than its 4 bytes"):
        _ = Source(path).hdf5_keys


def test_honest_chunks_of_any_size_are_read(tmp_path: Path) -> None:
    path, rng = tmp_path / "demos.h5", np.random.default_rng(0)
    noise = rng.integers(0, 256, 2**22, np.uint8)
    noise[: 2**20] = 0
    with h5py.File(path, "w") as file:
        for number, options in enumerate(
            (
                {"compression": "gzip"},
                {"compression": "gzip", "shuffle": True, "fletcher32": True},
                {"compression": "lzf"},
            )
        ):
            file.create_dataset(f"{number}", data=noise, chunks=noise.shape, **options)
    with Source(path).open_hdf5() as file:
        for key in file:
            np.testing.assert_array_equal(file[key][:], noise)


def test_other_filters_and_chunks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("obs", data=np.arange(4), chunks=(4,), scaleoffset=0)
    with pytest.raises(
        DemonstrationError, match=r"'obs' is compressed by the HDF5 filters \[6.*\]; expected gzip or lzf"
    ):
        _ = Source(path).hdf5_keys
    with h5py.File(path, "w") as file:
        file.create_dataset("obs", (4,), "u1", chunks=(2**29,), maxshape=(None,), compression="gzip")
    with pytest.raises(DemonstrationError, match="'obs' has chunks of 536870912 bytes; expected at most"):
        _ = Source(path).hdf5_keys


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        file["observations"] = np.arange(12.0).reshape(6, 2)
        file["actions"] = np.arange(6.0).reshape(6, 1)
        file["dones"] = np.arange(6) == 2
        h5py.h5g.create(file.id, b"na\xefve")
    assert set(Source(path).hdf5_keys) == {"observations", "actions", "dones", r"b'na\xefve'"}
    assert [len(t) for t in load_demonstrations(path)] == [3, 3]
    with h5py.File(path, "a") as file:
        del file["actions"]
    with pytest.raises(DemonstrationError, match=r"demos\.h5: .*na.*xefve"):
        load_demonstrations(path)


def test_what_hdf5_remembers_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "demos.h5"
    with h5py.File(path, "w") as file:
        for number in range(6000):
            file[f"episode_{number}/rewards"] = np.ones(1, "f4")
    with Source(path).open_hdf5(check_each=False) as file:
        for number in range(6000):
            assert file[f"episode_{number}/rewards"][0] == 1.0
        assert file.id.get_mdc_size()[0] <= 2**21
    with h5py.File(path, "r") as file:  # what it would take
        for number in range(6000):
            _ = file[f"episode_{number}/rewards"]
        assert file.id.get_mdc_size()[0] > 2**21
