"""Tests that every format must pass."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from golden import golden_of

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import MissingExtraError, RexdError
from rexd.reading.containers.source import Source
from rexd.reading.formats import FORMATS, WRITTEN, Format, WrittenFormat
from rexd.reading.load import load_demonstrations, recognise

ids = [re.sub(r"\W+", "-", item.name) for item in FORMATS]
every_format = pytest.mark.parametrize("item", FORMATS, ids=ids)


def test_names_are_distinct() -> None:
    assert len({item.name for item in FORMATS}) == len(FORMATS)


@every_format
def test_golden_files_are_recognised_and_read(item: Format, tmp_path: Path) -> None:
    made = golden_of(item)(tmp_path)
    assert made
    for golden in made:
        source = Source(golden.path)
        assert recognise(source) is item, f"{golden.path.name} is claimed by {recognise(source).name!r}"
        demos = item.load(source, golden.hints)
        assert len(demos) == golden.trajectories, golden.path.name
        assert demos.n_transitions > 0


@every_format
def test_the_name_of_the_file_says_nothing(item: Format, tmp_path: Path) -> None:
    for golden in golden_of(item)(tmp_path):
        if golden.path.is_file():
            assert recognise(Source(golden.path.rename(golden.path.with_name("no suffix")))) is item


@every_format
def test_golden_files_are_a_few_kilobytes(item: Format, tmp_path: Path) -> None:
    for golden in golden_of(item)(tmp_path):
        files = [f for f in golden.path.rglob("*") if f.is_file()] if golden.path.is_dir() else [golden.path]
        assert sum(f.stat().st_size for f in files) < 50_000


@every_format
def test_recorded_boundaries_are_not_overruled(item: Format, tmp_path: Path) -> None:
    if item.records_boundaries:
        for golden in golden_of(item)(tmp_path):
            with pytest.raises(RexdError, match="episode_length asks for 4321"):
                load_demonstrations(golden.path, episode_length=4321)


@every_format
def test_damage_raises_rexd_errors_only(item: Format, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for golden in golden_of(item)(tmp_path):
        honest = golden.path.read_bytes() if golden.path.is_file() else b""
        cuts = [honest[: int(n)] for n in rng.integers(0, len(honest) + 1, 10)]
        flips = []
        for _ in range(30):
            changed = bytearray(honest)
            for position in rng.integers(0, max(len(honest), 1), 3)[: len(honest)]:
                changed[position] = rng.integers(256)
            flips.append(bytes(changed))
        for content in (*cuts, *flips) if honest else ():
            golden.path.write_bytes(content)
            try:
                recognise(Source(golden.path)).load(Source(golden.path), golden.hints)
            except RexdError:
                continue


@pytest.mark.parametrize("item", WRITTEN.values(), ids=list(WRITTEN))
def test_what_is_saved_is_read_back(item: WrittenFormat, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pieces = [Trajectory.from_steps(rng.normal(size=(n + 1, 3)), rng.normal(size=(n, 2))) for n in (3, 5)]
    try:
        path = item.save(Demonstrations(tuple(pieces)), tmp_path / "saved")
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert recognise(Source(path)) is item
    for one, other in zip(load_demonstrations(path), pieces, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations)
        np.testing.assert_array_equal(one.next_observations, other.next_observations)
        np.testing.assert_array_equal(one.actions, other.actions)


@every_format
@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02]q\x00.",
        b"\x80\x04N.",
        b"\x80\x04}.",
        b"text\n1,2\n",
        b"PK\x03\x04 cut",
        b"PK\x05\x06" + b"\x00" * 18,
        b"\xff\xfe",
        b"{}",
    ],
)
def test_nothing_is_claimed_that_holds_nothing(item: Format, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    assert not item.sniff(Source(file))
    assert not item.sniff(Source(tmp_path))
    assert not item.sniff(Source(tmp_path / "absent"))
