"""ALOHA's HDF5 files of one episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import trajectories
from saving import write_hdf5

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import aloha
from rexd.reading.load import load_demonstrations


def episode(*, compressed: bool = False) -> dict[str, Any]:
    t = trajectories()[0]
    steps = len(t["actions"])
    return {
        "action": t["actions"],
        "observations/qpos": t["observations"],
        "observations/qvel": t["observations"] + 1,
        "observations/images/top": np.zeros((steps, 90) if compressed else (steps, 4, 4, 3), np.uint8),
    }


def golden(folder: Path) -> list[Golden]:
    return [
        Golden(write_hdf5(folder / "episode_0.hdf5", episode()), 1),
        Golden(write_hdf5(folder / "episode_1.hdf5", episode(compressed=True) | {"compress_len": np.zeros((1, 4))}), 1),
    ]


def test_positions_beside_velocities(tmp_path: Path) -> None:
    expected = trajectories()[0]
    for made in golden(tmp_path):
        (only,) = demos = load_demonstrations(made.path)
        np.testing.assert_array_equal(only.observations[:, :3], expected["observations"])
        np.testing.assert_array_equal(only.observations[:, 3:], expected["observations"] + 1)
        np.testing.assert_array_equal(only.actions, expected["actions"])
        assert only.truncated[-1]
        assert not only.next_known[-1]
        assert demos.notes[:2] == (
            "observation columns are 'qpos' 0:3, 'qvel' 3:6",
            "left out 'images/top': images and other arrays without one row of numbers for each step",
        )


def test_the_final_observation(tmp_path: Path) -> None:
    made = {key: value[:-1] if key == "action" else value for key, value in episode().items()}
    (only,) = load_demonstrations(write_hdf5(tmp_path / "file", made))
    assert only.next_known.all()
    assert len(only) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observations/qvel": np.zeros((2, 3))}, "has rows of qpos 4, qvel 2; expected the same number"),
        ({"action": np.zeros((2, 2))}, "trajectory 0 has 4 observations for 2 actions"),
        ({"action": np.zeros((0, 2))}, "no trajectory has a step"),
        ({"observations/qpos": np.full((4, 3), np.inf)}, "are NaN, infinite"),
        ({"observations/qpos": np.zeros((4, 2, 3)), "observations/qvel": None}, "no low-dimensional observations"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    made = {key: value for key, value in (episode() | change).items() if value is not None}
    with pytest.raises(DemonstrationError, match=rf"file\.h5:? .*{message}"):
        load_demonstrations(write_hdf5(tmp_path / "file.h5", made))


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    for name, other in (("observations/qpos", "observations/state"), ("action", "torques")):
        made = {other if key == name else key: value for key, value in episode().items()}
        assert not aloha.sniff(Source(write_hdf5(tmp_path / "file", made)))
