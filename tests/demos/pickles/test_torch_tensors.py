"""Torch tensors in plain pickles, without torch's own unpickling."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from rexd.demos.pickles.unpickler import loads_pickle
from rexd.errors import DemonstrationError, UnsafeFileError

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
