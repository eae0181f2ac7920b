"""An npz of one array, observations beside actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import npz_plain
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def saved(folder: Path, **arrays: Any) -> Path:
    file = folder / "demos.npz"
    np.savez(file, **arrays)
    return file


def test_rows_and_batches(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(12, 5))
    demos = load_demonstrations(saved(tmp_path, arr_0=rows), columns=slice(0, 3), episode_length=4)
    assert ([len(t) for t in demos], demos.obs_dim, demos.act_dim) == ([4, 4, 4], 3, 2)
    np.testing.assert_array_equal(demos.trajectories[1].actions, rows[4:8, 3:])
    file = saved(tmp_path, expert=rows.reshape(2, 6, 5))
    batch = load_demonstrations(file, columns=[0, 1, 2], episode_length=6)
    assert [len(t) for t in batch] == [6, 6]
    with pytest.raises(DemonstrationError, match=r"2 trajectories of 6 steps, or 2 steps of 6 environments"):
        load_demonstrations(file, columns=[0, 1, 2])


def test_the_split_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DemonstrationError, match=r"demos\.npz: holds rows of 5 numbers .*--columns 0:N"):
        load_demonstrations(saved(tmp_path, arr_0=np.zeros((12, 5))))


@pytest.mark.parametrize(
    "arrays",
    [{"a": np.zeros(5)}, {"a": np.zeros((5, 2)), "b": np.zeros((5, 2))}, {"a": np.array([["x"]])}, {}],
)
def test_others_are_left_to_others(tmp_path: Path, arrays: dict[str, Any]) -> None:
    assert not npz_plain.sniff(Source(saved(tmp_path, **arrays)))


def golden(folder: Path) -> list[Golden]:
    rows = np.random.default_rng(0).normal(size=(12, 5))
    (folder / "batch").mkdir()
    split = Hints(obs_dim=3, act_dim=2, episode_length=4)
    return [
        Golden(saved(folder, arr_0=rows), trajectories=3, hints=split),
        Golden(
            saved(folder / "batch", arr_0=rows.reshape(2, 6, 5)),
            trajectories=2,
            hints=Hints(obs_dim=3, act_dim=2, episode_length=6),
        ),
    ]
