"""Padded trajectories in HDF5, as openai/imitation keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import ACTIONS, COLUMNS, LENGTHS, assert_read, trajectories

from rexd.errors import DemonstrationError
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def padded() -> dict[str, Any]:
    count, steps = len(LENGTHS), max(LENGTHS)
    made = {
        "obs_B_T_Do": np.zeros((count, steps, COLUMNS)),
        "a_B_T_Da": np.zeros((count, steps, ACTIONS), np.float32),
        "r_B_T": np.zeros((count, steps)),
        "len_B": np.array(LENGTHS, np.int32),
    }
    for number, t in enumerate(trajectories()):
        made["obs_B_T_Do"][number, : LENGTHS[number]] = t["observations"]
        made["a_B_T_Da"][number, : LENGTHS[number]] = t["actions"]
        made["r_B_T"][number, : LENGTHS[number]] = t["rewards"]
    return made


def write(file: Path, content: dict[str, Any]) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "w") as opened:
        for key, value in content.items():
            opened.create_dataset(key, data=value, compression="gzip", compression_opts=9)
        opened.attrs["args"] = "{}"
    return file


def golden(folder: Path) -> list[Golden]:
    whole = {key: value for key, value in padded().items() if key != "len_B"}
    discrete = padded() | {"a_B_T_Da": np.ones((3, 5, 1), np.int64)}
    return [
        Golden(write(folder / "trajs_hopper.h5", padded()), 3),
        Golden(write(folder / "whole.h5", whole), 3),
        Golden(write(folder / "discrete.h5", discrete), 3, Hints(n_actions=2)),
    ]


def test_padding_is_left_out(tmp_path: Path) -> None:
    demos = load_demonstrations(golden(tmp_path)[0].path)
    assert_read(demos, ends=False, following=False)
    assert demos.notes == ()
    assert [len(t) for t in load_demonstrations(tmp_path / "whole.h5")] == [5, 5, 5]
    assert load_demonstrations(tmp_path / "discrete.h5").n_actions == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"len_B": np.array([4, 3, 6])}, r"len_B is \[4 3 6\] of 3; expected 3 whole numbers from 0 to 5"),
        ({"len_B": np.array([4, 3])}, "expected 3 whole numbers"),
        ({"len_B": np.array([4, 3, 2.5])}, "expected 3 whole numbers"),
        ({"len_B": np.array([4, 3, np.nan])}, "expected 3 whole numbers"),
        ({"len_B": np.array([0, 0, 0])}, "no trajectory has a step"),
        ({"a_B_T_Da": np.zeros((3, 4, 2))}, r"actions \(3, 4, 2\).*with the same first two numbers"),
        ({"r_B_T": np.zeros(3)}, r"rewards \(3,\)"),
        ({"obs_B_T_Do": np.zeros((3, 5))}, r"observations \(3, 5\)"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write(tmp_path / "file.h5", padded() | change)
    with pytest.raises(DemonstrationError, match=rf"file\.h5: .*{message}"):
        load_demonstrations(file)
