"""robomimic's HDF5 files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import assert_read, trajectories

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import robomimic
from rexd.reading.load import load_demonstrations

ENV = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": {}})


def demos(*, following: bool = True) -> dict[str, dict[str, Any]]:
    made = {}
    for number, t in enumerate(trajectories()):
        steps = len(t["actions"])
        demo = {
            "actions": t["actions"],
            "rewards": t["rewards"],
            "dones": t["dones"].astype(np.int64),
            "states": np.zeros((steps, 7)),
            "obs/robot0_eef_pos": t["observations"][:, 1:],
            "obs/object": t["observations"][:, 0],
            "obs/agentview_image": np.zeros((steps, 4, 4, 3), np.uint8),
        }
        if following:
            demo |= {
                "next_obs/robot0_eef_pos": t["next_observations"][:, 1:],
                "next_obs/object": t["next_observations"][:, 0],
            }
        made[f"demo_{number * 5}"] = demo  # the names of ten and five are not in their order as text
    return made


def write(file: Path, content: dict[str, dict[str, Any]], env: str | None = ENV) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "w") as opened:
        data = opened.create_group("data")
        if env is not None:
            data.attrs["env_args"] = env
        for name, demo in content.items():
            for key, value in demo.items():
                data[f"{name}/{key}"] = value
            data[name].attrs["num_samples"] = len(demo.get("actions", ()))
        opened["mask/train"] = np.array(["demo_0"], dtype="S8")
    return file


def golden(folder: Path) -> list[Golden]:
    return [
        Golden(write(folder / "low_dim.hdf5", demos()), 3),
        Golden(write(folder / "without_next.hdf5", demos(following=False), None), 3),
    ]


def test_observations_are_side_by_side_by_name(tmp_path: Path) -> None:
    first, second = golden(tmp_path)
    read = load_demonstrations(first.path)
    assert_read(read)
    assert read.env_id == "Lift"
    assert read.notes == (
        "observation columns are 'object' 0:1, 'robot0_eef_pos' 1:3",
        "left out 'agentview_image': images and other arrays without one row of numbers for each step",
        "ignored 'mask', 'states' of the file",
    )
    read = load_demonstrations(second.path)
    assert_read(read, following=False)
    assert read.env_id is None


def test_success_before_the_end_cuts_nothing(tmp_path: Path) -> None:
    made = demos()
    made["demo_10"]["dones"][2:] = 1
    read = load_demonstrations(write(tmp_path / "file", made))
    assert_read(read)
    assert any(note.startswith("2 steps before the last of their trajectory are marked as done") for note in read.notes)


@pytest.mark.parametrize("env", ["{", "[1]", '{"env_name": 3}', "null"])
def test_other_env_args_name_no_environment(tmp_path: Path, env: str) -> None:
    assert load_demonstrations(write(tmp_path / "file", demos(), env)).env_id is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actions": None}, "'data/demo_5/actions' is missing; expected an array of numbers"),
        ({"actions": np.bytes_("a")}, "'data/demo_5/actions' has dtype"),
        ({"actions": np.zeros((2, 2))}, "trajectory 1 has 3 .* for 2 actions"),
        ({"obs/object": np.zeros(2)}, "data/demo_5 has rows of object 2, robot0_eef_pos 3; expected the same number"),
        ({"dones": np.full(3, 7)}, "dones hold numbers other than 0 and 1"),
        (
            {"obs/object": None, "obs/robot0_eef_pos": None},
            r"no low-dimensional observations.*\(found 'agentview_image'",
        ),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    made = demos()
    made["demo_5"] = {key: value for key, value in (made["demo_5"] | change).items() if value is not None}
    with pytest.raises(DemonstrationError, match=rf"file\.h5: .*{message}"):
        load_demonstrations(write(tmp_path / "file.h5", made))


def test_states_without_observations_name_the_tool(tmp_path: Path) -> None:
    made = {"demo_0": {"actions": np.zeros((3, 2)), "states": np.zeros((3, 7))}}
    with pytest.raises(DemonstrationError, match="Extract them with robomimic's dataset_states_to_obs"):
        load_demonstrations(write(tmp_path / "file", made))


def test_other_groups_are_left_to_others(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for key in ("data", "data/other/obs", "data/demo_0"):
        with h5py.File(tmp_path / "file", "w") as opened:
            opened[key] = np.zeros(3)
        assert not robomimic.sniff(Source(tmp_path / "file"))
