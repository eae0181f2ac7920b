"""Files of torch.save, in the old and the new layout, read without torch's own unpickling."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.containers import npz as arrays
from rexd.reading.containers.source import NOTHING, Source

torch = pytest.importorskip("torch")

both = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])


def save(folder: Path, content: object, new: bool) -> Path:
    file = folder / "demos.pt"
    torch.save(content, file, _use_new_zipfile_serialization=new)
    return file


@both
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64", "bool"])
def test_tensors_in_containers(tmp_path: Path, dtype: str, new: bool) -> None:
    base = torch.arange(12).reshape(3, 4).to(getattr(torch, dtype))
    content = {"a": base, "view": base.T[1:], "list": [base[0], 1.5, "text"], "array": np.arange(2)}
    source = Source(save(tmp_path, content, new))
    assert source.container == "a torch file of"
    back = source.content
    np.testing.assert_array_equal(back["a"], base.numpy())
    np.testing.assert_array_equal(back["view"], base.T[1:].numpy())
    np.testing.assert_array_equal(back["list"][0], base[0].numpy())
    assert back["list"][1:] == [1.5, "text"]
    assert back["array"].tolist() == [0, 1]
    assert back["a"].dtype == base.numpy().dtype
    assert len(source.npz) == 0


@both
def test_a_tensor_alone(tmp_path: Path, new: bool) -> None:
    np.testing.assert_array_equal(Source(save(tmp_path, torch.ones(2, 3), new)).content, np.ones((2, 3)))


@both
def test_other_globals_are_refused(tmp_path: Path, new: bool) -> None:
    with pytest.raises(UnsafeFileError, match=r"demos\.pt: the pickle asks for 'torch\.nn"):
        _ = Source(save(tmp_path, torch.nn.Linear(2, 2), new)).content


@both
def test_damage_raises_rexd_errors_only(tmp_path: Path, new: bool) -> None:
    file = save(tmp_path, {"obs": torch.ones(4, 3), "act": torch.zeros(4)}, new)
    honest, rng, outcomes = file.read_bytes(), np.random.default_rng(0), set()
    for trial in range(300):
        changed = bytearray(honest[: rng.integers(1, len(honest))] if trial % 3 == 0 else honest)
        changed[rng.integers(0, len(changed))] ^= int(rng.integers(1, 256))
        file.write_bytes(changed)
        try:
            outcomes.add("nothing" if Source(file).content is NOTHING else "read")
        except RexdError as error:
            assert "demos.pt" in str(error)  # noqa: PT017  (some mutations change nothing)
            outcomes.add("refused")
    assert {"read", "refused"} <= outcomes


def rewrite(file: Path, **members: bytes) -> Source:
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as honest, zipfile.ZipFile(file, "w") as archive:
        for name in honest.namelist():
            archive.writestr(name, members.get(name.rpartition("/")[2].replace(".", "_"), honest.read(name)))
    return Source(file)


def test_a_storage_of_another_size(tmp_path: Path) -> None:
    source = rewrite(save(tmp_path, torch.ones(4), True), **{"0": b"\x00" * 12})
    with pytest.raises(DemonstrationError, match=r"holds 12 bytes; expected 4 numbers of float32"):
        _ = source.content


def test_big_endian_files(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match="not little-endian"):
        _ = rewrite(save(tmp_path, torch.ones(4), True), byteorder=b"big").content


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = save(tmp_path, torch.ones(4), True)
    monkeypatch.setattr(arrays, "FREE_BYTES", 2**10)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demos/data/1", bytes(10**6))
    with pytest.raises(DemonstrationError, match="members claim 100"):
        _ = Source(file).content


def test_legacy_storages_that_claim_too_much(tmp_path: Path) -> None:
    file = save(tmp_path, torch.ones(7), False)
    honest = file.read_bytes()
    assert honest.count(b"K\x07N") == 1
    file.write_bytes(honest.replace(b"K\x07N", b"\x8a\x07" + (10**15).to_bytes(7, "little") + b"N"))
    with pytest.raises(DemonstrationError, match="claim more bytes than the file has"):
        _ = Source(file).content


def test_a_pickle_of_the_magic_number_alone(tmp_path: Path) -> None:
    file = tmp_path / "demos.pt"
    parts: list[Any] = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": False}]
    file.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts))
    with pytest.raises(DemonstrationError, match="is not a little-endian file of torch"):
        _ = Source(file).content
