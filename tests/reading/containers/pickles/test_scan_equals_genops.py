"""The scan of the bytes agrees with a scan by pickletools on honest, damaged and hostile pickles."""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rexd.errors import RexdError, UnsafeFileError
from rexd.reading.containers.pickles.scan import _Scan

ALLOWED = frozenset(
    f"{module}.{name}"
    for module, names in {
        "numpy": ("ndarray", "dtype"),
        "numpy.core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.numeric": ("_frombuffer",),
        "numpy.core.numeric": ("_frombuffer",),
        "_codecs": ("encode",),
        "collections": ("deque", "OrderedDict"),
    }.items()
    for name in names
)
CODES = b"".join(op.code.encode("latin-1") for op in pickletools.opcodes)


class Reference(_Scan):
    """Take the same steps for the instructions as pickletools reads them."""

    def run(self) -> None:
        for op, arg, _ in pickletools.genops(self.stream):
            self.step(op, arg)


def outcome(kind: type[_Scan], content: bytes, start: int, persistent: bool) -> Any:
    stream = io.BytesIO(content)
    stream.seek(start)
    scan = kind(stream, "file", ALLOWED, persistent)
    try:
        scan.run()
    except UnsafeFileError as error:
        return str(error)
    except RexdError as error:
        return str(error)
    except Exception:  # what scan_pickle names as damage
        return "damaged"
    return stream.tell(), scan.stack, scan.memo, scan.cost


def assert_same(content: bytes, start: int = 0, persistent: bool = False) -> Any:
    expected = outcome(Reference, content, start, persistent)
    assert outcome(_Scan, content, start, persistent) == expected
    return expected


def honest() -> list[Any]:
    rng = np.random.default_rng(0)
    row = {"obs": rng.normal(size=3), "action": rng.normal(size=2).astype("f4"), "reward": np.float64(1), "done": False}
    objects = np.array([None, {"a": 1}], object)
    return [
        [row, dict(row), {**row, "reward": 0.5}],
        [rng.normal(size=n % 3 + 1).astype("f4") for n in range(6)],
        [np.zeros(300), np.zeros(300), np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2), np.ones(2, ">f8")],
        collections.deque([(row["obs"], 1, 2.0, True)]),
        collections.OrderedDict(a=[1, 300, 70000, 2**40, -1], b="ä\ud800" * 120, c=b"\x00\xff" * 200),
        {(1, (2, 3)): {4}, frozenset([5]): bytearray(b"6"), None: ()},
        {tuple(range(70)): 1},
        objects,
        [np.arange(6).reshape(2, 3).T, "x" * 300, b"y" * 300, 1e300, 1j, [], [[[]]]],
        [print],
        [np.save],
    ]


PICKLES = [pickle.dumps(item, protocol) for item in honest() for protocol in range(6)]


def test_honest_pickles() -> None:
    read = [assert_same(content) for content in PICKLES]
    assert sum(isinstance(result, tuple) for result in read) > 15
    assert any(isinstance(result, str) and "asks for" in result for result in read)
    assert any(isinstance(result, str) and "parts as a key" in result for result in read)


def test_every_instruction_alone_and_after_others() -> None:
    for prefix in (
        b"",
        b"(",
        b"N",
        b"NN",
        b"NNN",
        b"(NN",
        b"](NN",
        b"}(NNNN",
        b"}(NNN",
        b"((",
        b"N(",
        b"Nq\x00",
        b"N\x94",
    ):
        for code in CODES + bytes(set(range(256)) - set(CODES)):
            for suffix in (
                b"",
                b".",
                b"\x00.",
                b"\x00\x00.",
                b"\x00\x00\x00\x00.",
                b"\x00" * 8 + b".",
                b"1\n.",
                b"a\nb\n.",
                b"'a'\n.",
            ):
                assert_same(prefix + bytes([code]) + suffix, persistent=True)


def test_from_the_middle_of_a_stream() -> None:
    content = b"N." + PICKLES[4] + b"rest"
    assert assert_same(content, 2)[0] == len(content) - 4


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(PICKLES)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(content)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            content[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == 1:
            content[place:place] = draw(st.lists(st.sampled_from(CODES), max_size=4).map(bytes))
        elif kind == 2:
            del content[place : place + draw(st.integers(0, 9))]
        elif kind == 3:
            other = draw(st.sampled_from(PICKLES))
            first = draw(st.integers(0, len(other)))
            content[place:place] = other[first : first + draw(st.integers(0, 60))]
        else:
            content[place:place] = content[max(0, place - draw(st.integers(0, 40))) : place]
    return bytes(content)


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated(), st.booleans())
def test_mutated_pickles(content: bytes, persistent: bool) -> None:
    assert_same(content, persistent=persistent)


INSTRUCTIONS = st.one_of(
    st.sampled_from(CODES).map(lambda code: bytes([code])),
    st.binary(max_size=5),
    st.sampled_from(
        [b"K\x01", b"q\x00", b"h\x00", b"r\x01\x00\x00\x00", b"j\x01\x00\x00\x00", b"C\x01a", b"X\x01\x00\x00\x00a"]
    ),
)


def array(put: bytes, calls: bytes) -> bytes:
    """Return the instructions of an array as numpy writes them, with other memo indices."""
    a, b, c, d = (bytes([code]) for code in calls)
    head = b"h" + a + b"h" + b + b"K\x00\x85" + put + b"h" + c + b"\x87" + put + b"R" + put
    return head + b"(K\x01K\x02\x85" + put + b"h" + d + b"\x89C\x01a" + put + b"t" + put + b"b"


PUTS = st.sampled_from([b"", b"\x94", b"q\x01", b"q\x07", b"r\x02\x00\x00\x00", b"r\xff\xff\xff\xff"])
ARRAYS = st.builds(array, PUTS, st.lists(st.integers(0, 5), min_size=4, max_size=4).map(bytes))
BEGINNINGS = st.sampled_from(
    [b"", b"N\x94", b"NN\x86q\x01K\x01q\x02", b"(" + b"N" * 70 + b"tq\x00\x85q\x01q\x02q\x03", b"}("]
)


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(BEGINNINGS, st.lists(st.one_of(ARRAYS, INSTRUCTIONS), max_size=6).map(b"".join), st.integers(0, 60))
def test_arrays(beginning: bytes, content: bytes, cut: int) -> None:
    assert_same(beginning + content + b".")
    assert_same((beginning + content)[:-cut] + b".")


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(INSTRUCTIONS, max_size=30).map(b"".join), st.booleans())
def test_random_instructions(content: bytes, persistent: bool) -> None:
    assert_same(content + b".", persistent=persistent)


@pytest.mark.parametrize("seed", range(3))
def test_many_mutations(seed: int) -> None:
    rng, verdicts = np.random.default_rng(seed), collections.Counter[str]()
    for _ in range(3000):
        content = bytearray(PICKLES[rng.integers(len(PICKLES))])
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(256)
        result = assert_same(bytes(content))
        verdicts["read" if isinstance(result, tuple) else "refused"] += 1
    assert min(verdicts.values()) > 100
