"""Mutated files of every format: reading one raises no other errors than rexd's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from golden import golden_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rexd.errors import RexdError
from rexd.reading.containers.source import Source
from rexd.reading.formats import FORMATS, Format
from rexd.reading.load import read_source

ids = [re.sub(r"\W+", "-", item.name) for item in FORMATS]
every_format = pytest.mark.parametrize("item", FORMATS, ids=ids)

# Numbers at which sizes, offsets and signs turn over, as any layout may store them.
_EDGES = [n.to_bytes(size, order) for size in (2, 4, 8) for n in (0, 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
          for order in ("little", "big")]  # fmt: skip

_places = st.floats(0, 1, exclude_max=True)
_mutations = st.one_of(
    st.tuples(st.just("set"), _places, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("set"), _places, st.sampled_from(_EDGES)),
    st.tuples(st.just("insert"), _places, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("drop"), _places, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("repeat"), _places, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("cut"), _places, st.just(b"")),
)


def mutate(content: bytes, kind: str, place: float, piece: bytes) -> bytes:
    """Return the content with one change; the length of ``piece`` tells how much is dropped or repeated."""
    at = int(place * len(content))
    before, after = content[:at], content[at:]
    if kind == "cut":
        return before
    if kind == "insert":
        return before + piece + after
    if kind == "drop":
        return before + after[len(piece) :]
    if kind == "repeat":
        return before + after[: len(piece)] * 2 + after[len(piece) :]
    return before + piece + after[len(piece) :]


@every_format
def test_mutated_files_raise_rexd_errors_only(item: Format, tmp_path: Path) -> None:
    made = golden_of(item)(tmp_path)
    files = [
        (golden, file, file.read_bytes())
        for golden in made
        for file in ([golden.path] if golden.path.is_file() else sorted(golden.path.rglob("*")))
        if file.is_file()
    ]
    if not files:
        pytest.skip("the golden files are no files: ids of datasets")

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(st.integers(0, len(files) - 1), st.lists(_mutations, min_size=1, max_size=3))
    def check(number: int, changes: list[tuple[str, float, bytes]]) -> None:
        golden, file, honest = files[number]
        content = honest
        for kind, place, piece in changes:
            content = mutate(content, kind, place, piece)
        file.write_bytes(content)
        try:
            read_source(Source(golden.path), golden.hints)
        except RexdError as error:
            assert golden.path.name in str(error) or file.name in str(error)  # noqa: PT017  (many are still good)
        finally:
            file.write_bytes(honest)

    check()


TARGET = """
import sys
import atheris
with atheris.instrument_imports(include=["rexd"]):
    from rexd.reading.load import load_demonstrations
from rexd.errors import RexdError

def one(content):
    with open(sys.argv[-1], "wb") as file:
        file.write(content)
    try:
        load_demonstrations(sys.argv[-1])
    except RexdError:
        pass

atheris.Setup(sys.argv[:-1], one)
atheris.Fuzz()
"""


@every_format
def test_guided_mutations_raise_rexd_errors_only(item: Format, tmp_path: Path) -> None:
    """The same guided by coverage, if atheris is installed; its status is not 0 if another error escapes."""
    pytest.importorskip("atheris", reason="atheris is not installed: files are mutated without its guidance only")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (tmp_path / "golden").mkdir()
    for number, golden in enumerate(golden_of(item)(tmp_path / "golden")):
        if golden.path.is_file():
            shutil.copy(golden.path, corpus / str(number))
    command = [sys.executable, "-c", TARGET, "-runs=500", "-seed=1", "-rss_limit_mb=2048", str(corpus)]
    done = subprocess.run(
        [*command, str(tmp_path / "mutated")], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
