"""Honest pickles are read without loss; damaged ones raise no other errors than rexd's."""

from __future__ import annotations

import collections
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rexd.errors import DemonstrationError, RexdError
from rexd.reading.containers.pickles.unpickler import load_pickle, loads_pickle, starts_like_pickle

DTYPES = ["<f2", "<f4", "<f8", ">f8", "<i1", "<i8", ">i4", "<u2", "?", "<c16", "S3", "<U4"]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(
    array=st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0))),
    protocol=st.integers(0, 5),
    fortran=st.booleans(),
)
def test_arrays_round_trip(array: np.ndarray[Any, Any], protocol: int, fortran: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    written = pickle.dumps(array, protocol)
    back, expected = np.asarray(loads_pickle(written, "memory")), pickle.loads(written)
    assert back.dtype == expected.dtype  # in place of array.dtype: numpy swaps some to the machine's byte order
    assert back.shape == array.shape
    assert back.tobytes() == expected.tobytes()


@settings(deadline=None)
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_plain_containers_round_trip(value: object, protocol: int) -> None:
    assert loads_pickle(pickle.dumps(value, protocol), "memory") == value


@pytest.mark.parametrize("protocol", range(6))
def test_collections_come_back_as_plain_containers(protocol: int) -> None:
    content = {
        "deque": collections.deque([1, 2], maxlen=5),
        "default": collections.defaultdict(list, {1: [2]}),
        "ordered": collections.OrderedDict(b=1, a=2),
        "set": {1, 2},
        "frozen": frozenset("ab"),
        "octets": bytearray(b"\x00\xff"),
        "complex": 1 + 2j,
        "number": np.float32(1.5),
    }
    back = loads_pickle(pickle.dumps(content, protocol), "memory")
    assert back == content | {"deque": [1, 2], "default": {1: [2]}, "ordered": {"b": 1, "a": 2}}
    assert list(back["ordered"]) == ["b", "a"]
    assert back["number"].dtype == np.float32


@pytest.mark.parametrize("protocol", range(6))
def test_object_arrays_keep_their_items(protocol: int) -> None:
    array = np.empty((2, 1), dtype=object)
    array[0, 0], array[1, 0] = np.arange(3.0), ["a", None]
    back = np.asarray(loads_pickle(pickle.dumps(array, protocol), "memory"))
    assert back.shape == (2, 1)
    np.testing.assert_array_equal(back[0, 0], np.arange(3.0))
    assert back[1, 0] == ["a", None]


def test_names_of_both_numpy_generations() -> None:
    written = pickle.dumps(np.arange(3.0), 2)
    current = b"numpy._core" if b"numpy._core" in written else b"numpy.core"
    for name in (b"numpy._core", b"numpy.core"):
        back = loads_pickle(written.replace(current, name), "memory")
        np.testing.assert_array_equal(back, np.arange(3.0))


def test_array_that_python_2_wrote() -> None:
    # Python 2 wrote the bytes of an array as a str, opcode SHORT_BINSTRING.
    content = np.array([1.5, -2.0]).tobytes()
    written = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U" + bytes([len(content)]) + content + b"tb."
    )
    np.testing.assert_array_equal(loads_pickle(written, "memory"), [1.5, -2.0])


HONEST = pickle.dumps({"observations": np.arange(6.0).reshape(3, 2), "actions": [np.float32(1), "a", {1}]}, 2)


@pytest.mark.parametrize("length", range(len(HONEST)))
def test_every_truncation_is_named(length: int) -> None:
    with pytest.raises(DemonstrationError, match=r"cut short|damaged"):
        loads_pickle(HONEST[:length], "memory")


@settings(deadline=None, max_examples=400)
@given(data=st.data(), protocol=st.sampled_from([0, 2, 4, 5]))
def test_mutated_bytes_raise_rexd_errors_only(data: st.DataObject, protocol: int) -> None:
    content = bytearray(pickle.dumps({"observations": np.arange(6.0), "more": [(1, "a"), {2}]}, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        loads_pickle(bytes(content), "memory")
    except RexdError as error:
        assert "memory" in str(error)  # noqa: PT017  (a mutation of a number is not an error)


@settings(deadline=None, max_examples=300)
@given(content=st.binary(max_size=60))
def test_random_bytes_raise_rexd_errors_only(content: bytes) -> None:
    try:
        loads_pickle(b"\x80\x04" + content, "memory")
    except RexdError as error:
        assert "memory" in str(error)  # noqa: PT017


def test_claimed_shape_must_match_the_content() -> None:
    honest = pickle.dumps(np.zeros(200), 2)
    assert honest.count(b"K\xc8\x85") == 1
    huge = b"\x8a\x08" + struct.pack("<q", 10**15)
    for shape in (b"K\xc9\x85", b"K\xc7\x85", huge + b"\x85", huge * 3 + b"\x87"):
        with pytest.raises(DemonstrationError, match="content of another size"):
            loads_pickle(honest.replace(b"K\xc8\x85", shape), "memory")


def test_an_array_is_given_its_content_once() -> None:
    written = pickle.dumps(np.arange(3.0), 2)
    twice = written[:-1] + written[written.rindex(b"(K\x01") : -1] + b"."
    with pytest.raises(DemonstrationError, match="memory: the pickle is damaged: an array is given a second"):
        loads_pickle(twice, "memory")


def test_arrays_nested_in_arrays_are_bounded() -> None:
    array = np.empty(1, dtype=object)
    for _ in range(60):
        outer = np.empty(1, dtype=object)
        outer[0], array = array, outer
    with pytest.raises(DemonstrationError, match="object arrays that hold themselves or too many others"):
        loads_pickle(pickle.dumps(array, 4), "memory")


@pytest.mark.parametrize("dtype", ["f8,i4", "M8[s]", "m8[D]", "V4"])
def test_records_and_dates_are_refused(dtype: str) -> None:
    with pytest.raises(DemonstrationError, match="not supported"):
        loads_pickle(pickle.dumps(np.zeros(2, dtype), 4), "memory")


def test_a_second_pickle_is_not_dropped_silently() -> None:
    with pytest.raises(DemonstrationError, match="follow the end of the pickle"):
        loads_pickle(pickle.dumps(1) + pickle.dumps(2), "memory")


def test_file_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.pkl"
    file.write_bytes(pickle.dumps(list(range(1000))))
    assert load_pickle(file)[-1] == 999
    monkeypatch.setattr("rexd.reading.containers.guards.MAX_FILE_BYTES", 100)
    with pytest.raises(DemonstrationError, match=r"a\.pkl: has \d+ bytes; expected at most 100"):
        load_pickle(file)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_told_by_content(protocol: int) -> None:
    for content in ({"a": 1}, [1, 2], np.zeros(3), collections.deque([1])):
        assert starts_like_pickle(pickle.dumps(content, protocol)), content
    for text in (
        b"0.1,0.2\n0.3,0.4\n",
        b"{'a': 1}",
        b"MIT License\n\nCopyright\n",
        b"cart_x,pole\n1,2\n",
        b"PK\x03\x04",
    ):
        assert not starts_like_pickle(text), text
