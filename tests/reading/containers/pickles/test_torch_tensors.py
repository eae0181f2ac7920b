"""Torch tensors in plain pickles, read without torch's own unpickling."""

from __future__ import annotations

import io
import pickle
import struct

import numpy as np
import pytest

from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.pickles import torch_tensors
from rexd.reading.containers.pickles.unpickler import loads_pickle

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"])
def test_tensors_come_back_as_arrays(dtype: str, protocol: int) -> None:
    tensor = torch.arange(12).reshape(3, 4).to(getattr(torch, dtype))
    back = loads_pickle(pickle.dumps({"obs": tensor}, protocol), "memory")["obs"]
    np.testing.assert_array_equal(back, tensor.numpy())
    assert back.dtype == tensor.numpy().dtype


@pytest.mark.parametrize("change", [lambda t: t.T, lambda t: t[1:, ::2], lambda t: t[:0], lambda t: t[1, 2]])
def test_views_keep_their_strides(change: object) -> None:
    tensor = change(torch.arange(12.0).reshape(3, 4))  # type: ignore[operator]
    np.testing.assert_array_equal(loads_pickle(pickle.dumps(tensor), "memory"), tensor.numpy())


def test_parameters_are_their_data() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    np.testing.assert_array_equal(loads_pickle(pickle.dumps(parameter), "memory"), [1.0, 1.0])


def test_a_view_beyond_its_storage_is_refused() -> None:
    written = pickle.dumps(torch.zeros(7), 2)
    assert written.count(b"K\x07\x85") == 1
    huge = b"\x8a\x08" + struct.pack("<q", 10**15) + b"\x85"
    for shape in (b"K\x08\x85", huge):
        with pytest.raises(DemonstrationError, match="beyond its storage"):
            loads_pickle(written.replace(b"K\x07\x85", shape), "memory")


def test_expanding_one_number_is_bounded() -> None:
    with pytest.raises(DemonstrationError, match="far more memory"):
        loads_pickle(pickle.dumps(torch.zeros(1).expand(10**9)), "memory")


def test_what_hides_in_a_storage_is_refused() -> None:
    inner = b"cos\nsystem\n(X\x04\x00\x00\x00truetR."
    outer = b"\x80\x03ctorch.storage\n_load_from_bytes\nC" + bytes([len(inner)]) + inner + b"\x85R."
    with pytest.raises(UnsafeFileError, match=r"memory: the pickle asks for 'os\.system'"):
        loads_pickle(outer, "memory")


def test_damaged_storages_raise_rexd_errors_only() -> None:
    written = pickle.dumps(torch.arange(3.0), 4)
    outcomes = set()
    for position in range(len(written)):
        changed = bytearray(written)
        changed[position] ^= 0x41
        try:
            loads_pickle(bytes(changed), "memory")
            outcomes.add("read")
        except DemonstrationError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_other_torch_functions_are_refused() -> None:
    with pytest.raises(UnsafeFileError, match="torch"):
        loads_pickle(pickle.dumps(torch.nn.Linear(2, 2)), "memory")


def storage(tensor: object) -> bytes:
    stream = io.BytesIO()
    torch.save(tensor._typed_storage(), stream, _use_new_zipfile_serialization=False)  # type: ignore[attr-defined]
    return stream.getvalue()


def wrapped(raw: bytes) -> bytes:
    """Return a pickle of one tensor of two numbers with this storage."""
    head = b"\x80\x04ctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\n"
    return head + b"B" + struct.pack("<I", len(raw)) + raw + b"\x85RK\x00K\x02\x85K\x01\x85\x89}tR."


def read(content: bytes) -> object:
    try:
        found = loads_pickle(content, "memory")
    except (UnsafeFileError, DemonstrationError) as error:
        return type(error)
    return found.dtype, found.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "uint8"])
@pytest.mark.parametrize("count", [0, 2, 300, 70000])
def test_the_fast_way_is_taken_and_gives_the_same(dtype: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = torch.arange(count).to(getattr(torch, dtype))
    content = storage(tensor)
    found = torch_tensors._read_written(content)
    assert found is not None
    np.testing.assert_array_equal(found, tensor.numpy())
    fast = read(wrapped(content))
    monkeypatch.setattr(torch_tensors, "_read_written", lambda raw: None)
    assert read(wrapped(content)) == fast


def test_what_is_written_otherwise_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    honest, rng = storage(torch.arange(2.0)), np.random.default_rng(0)
    made = []
    for _ in range(3000):
        changed = bytearray(honest)
        place = int(rng.integers(len(honest)))
        kind = rng.integers(3)
        if kind == 0:
            changed[place] = rng.integers(256)
        elif kind == 1:
            del changed[place : place + int(rng.integers(1, 4))]
        else:
            changed[place:place] = rng.bytes(int(rng.integers(1, 4)))
        made.append(wrapped(bytes(changed)))
    fast = [read(content) for content in made]
    verdicts = [isinstance(verdict, tuple) for verdict in fast]
    assert 50 < sum(verdicts) < 1000
    monkeypatch.setattr(torch_tensors, "_read_written", lambda raw: None)
    assert [read(content) for content in made] == fast
