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


def logged(folder: Path, *, header: str = "") -> Path:
    """Write 4 observation columns, 2 actions, a reward and a done, for 4 episodes of 50 rows."""
    random = np.random.default_rng(0)
    dones = np.arange(200) % 50 == 49
    rows = np.hstack([random.normal(size=(200, 7)), dones[:, None]])
    file = folder / "log.csv"
    file.write_text("\n".join([header] * bool(header) + [",".join(f"{v:.6g}" for v in row) for row in rows]) + "\n")
    return file


def test_flags_and_rewards_are_never_proposed_as_actions(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError) as caught:
        load_demonstrations(logged(tmp_path))
    message = str(caught.value)
    assert "column 7 is 0 or 1, and 1 in 4 of 200 rows, as ends are" in message
    assert "column 6 is the last number before the flags, where rewards often stand" in message
    assert "--columns" not in message
    assert "a header (obs_0, ..., action_0, ..., reward, done)" in message
    expected = r"columns 4 to 7 would be the action, but column 6 .* column 7 is 0 or 1"
    with pytest.raises(DemonstrationError, match=expected):
        load_demonstrations(logged(tmp_path), columns=slice(0, 4))
    header = "obs_0,obs_1,obs_2,obs_3,action_0,action_1,reward,done"  # the mend works
    demos = load_demonstrations(logged(tmp_path, header=header))
    assert (demos.lengths.tolist(), demos.obs_dim, demos.act_dim) == ([50] * 4, 4, 2)


def golden(folder: Path) -> list[Golden]:
    return [Golden(written(folder), trajectories=3, hints=Hints(obs_dim=3, act_dim=2, episode_length=4))]
