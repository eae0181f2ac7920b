"""One text file of rows without names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from golden import Golden

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import csv_plain
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

ROWS = np.round(np.random.default_rng(0).normal(size=(12, 5)), 6)


def written(folder: Path, delimiter: str = ",", header: str = "") -> Path:
    file = folder / "demos.txt"
    lines = [delimiter.join(map(str, row)) for row in ROWS.tolist()]
    file.write_text("\n".join([header, *lines] if header else lines) + "\n")
    return file


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
@pytest.mark.parametrize("header", ["", "c1{0}c2{0}c3{0}c4{0}c5"])
def test_split_by_columns(tmp_path: Path, delimiter: str, header: str) -> None:
    file = written(tmp_path, delimiter, header.format(delimiter))
    demos = load_demonstrations(file, columns=slice(0, 3), episode_length=4)
    assert ([len(t) for t in demos], demos.obs_dim, demos.act_dim) == ([4, 4, 4], 3, 2)
    np.testing.assert_array_equal(np.concatenate([t.actions for t in demos]), ROWS[:, 3:])


def test_the_split_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match=r"demos\.txt: holds rows of 5 numbers .*--columns 0:N"):
        load_demonstrations(written(tmp_path))


def test_one_column_is_no_demonstration(tmp_path: Path) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text("1\n2\n3\n")
    assert not csv_plain.sniff(Source(file))


def golden(folder: Path) -> list[Golden]:
    return [Golden(written(folder), trajectories=3, hints=Hints(obs_dim=3, act_dim=2, episode_length=4))]
