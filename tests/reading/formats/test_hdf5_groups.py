"""HDF5 files with one group for each trajectory at the top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, assert_read, trajectories
from saving import write_hdf5

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import hdf5_groups
from rexd.reading.load import load_demonstrations

NUMBERS = (2, 9, 10)  # whose order as text is another


def groups(word: str = "traj_", *, parts: bool = False) -> dict[str, Any]:
    """Return the recorded trajectories as ManiSkill stores them, with the final observation."""
    made: dict[str, Any] = {}
    for number, t in zip(NUMBERS, trajectories(), strict=True):
        states = np.concatenate([t["observations"], t["next_observations"][-1:]])
        observed: dict[str, Any] = {"obs": states}
        if parts:
            observed = {
                "obs/extra/tcp_pose": states[:, 1:],
                "obs/agent/qpos": states[:, 0],
                "obs/sensor_data/camera/rgb": np.zeros((len(states), 4, 4, 3), np.uint8),
            }
        episode = {
            **observed,
            "actions": t["actions"],
            "rewards": t["rewards"],
            "terminated": t["dones"],
            "truncated": ~t["dones"] & (np.arange(len(t["dones"])) == len(t["dones"]) - 1),
            "success": t["dones"],
            "env_states/actors/cube": np.zeros((len(states), 13)),
        }
        made |= {f"{word}{number}/{key}": value for key, value in episode.items()}
    return made


def golden(folder: Path) -> list[Golden]:
    written = {"traj_": groups(), "demo-": groups("demo-", parts=True), "Episode": groups("Episode"), "": groups("")}
    return [Golden(compact(folder / f"{word}of.h5", content), 3) for word, content in written.items()]


def compact(file: Path, content: dict[str, Any]) -> Path:
    """Write arrays in HDF5's newer layout, in which small groups take few bytes."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "w", libver="latest") as opened:
        for key, value in content.items():
            opened[key] = value
    return file


def test_all_groups_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for made in golden(tmp_path):
        assert_read(load_demonstrations(made.path))


def test_parts_are_side_by_side_by_name(tmp_path: Path) -> None:
    demos = load_demonstrations(write_hdf5(tmp_path / "file", groups(parts=True)))
    assert_read(demos)
    assert demos.notes == (
        "observation columns are 'agent/qpos' 0:1, 'extra/tcp_pose' 1:3",
        "left out 'sensor_data/camera/rgb': images and other arrays without one row of numbers for each step",
        "ignored 'env_states', 'success' of the file",
    )


def test_as_many_observations_as_actions(tmp_path: Path) -> None:
    made = {key: value[:-1] if key.endswith("/obs") else value for key, value in groups().items()}
    assert_read(load_demonstrations(write_hdf5(tmp_path / "file", made)), following=False)


def test_success_before_the_end_cuts_nothing(tmp_path: Path) -> None:
    made = groups()
    made["traj_10/terminated"] = np.array([False, False, True, True, True])
    demos = load_demonstrations(write_hdf5(tmp_path / "file", made))
    assert_read(demos)
    assert any(note.startswith("2 steps before the last of their trajectory are marked") for note in demos.notes)


def test_other_names_and_other_groups(tmp_path: Path) -> None:
    made: dict[str, Any] = {"meta/seed": np.arange(3), "config": np.bytes_("x")}
    for number, t in enumerate(trajectories()):
        made |= {f"rollout_{number}/{key}": t[key] for key in ("observations", "actions", "next_observations", "dones")}
    demos = load_demonstrations(write_hdf5(tmp_path / "file", made))
    assert_read(demos, rewards=False)
    assert demos.notes == ("ignored 'config', 'meta' of the file",)


def test_trajectories_without_a_step_are_left_out(tmp_path: Path) -> None:
    empty = {"traj_0/obs": np.zeros((1, 3)), "traj_0/actions": np.zeros((0, 2), np.float32)}
    empty |= {f"traj_0/{key}": np.zeros(0) for key in ("rewards", "terminated", "truncated")}
    demos = load_demonstrations(write_hdf5(tmp_path / "file", groups() | empty))
    assert [len(t) for t in demos] == list(LENGTHS)
    assert demos.notes[0] == "left out 1 trajectories without a step"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"traj_9/actions": None}, "'traj_9/actions' is missing; expected an array of numbers"),
        ({"traj_9/actions": np.zeros((1, 2))}, "trajectory [01] has . observations for . actions"),
        ({"traj_9/obs": np.zeros((4, 5))}, r"trajectory 1: (next )?observations have shape \(3, 5\)"),
        ({"traj_9/obs": np.full((4, 3), np.nan)}, "trajectory 1: observations: .* are NaN"),
        ({"traj_9/terminated": np.full(3, 7)}, "traj_9: terminated hold numbers other than 0 and 1"),
        ({"traj_9/rewards": np.array([b"a"] * 3)}, "'traj_9/rewards' has dtype"),
        (
            {f"traj_{number}/obs": None for number in NUMBERS},
            "no low-dimensional observations .*expected traj_2/obs.*replay_trajectory -o state",
        ),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    made = {key: value for key, value in (groups() | change).items() if value is not None}
    with pytest.raises(DemonstrationError, match=rf"file\.h5: .*{message}"):
        load_demonstrations(write_hdf5(tmp_path / "file.h5", made))


def test_parts_of_different_lengths_are_named(tmp_path: Path) -> None:
    made = groups(parts=True) | {"traj_9/obs/agent/qpos": np.zeros(2)}
    with pytest.raises(
        DemonstrationError, match="traj_9 has rows of agent/qpos 2, extra/tcp_pose 4; expected the same"
    ):
        load_demonstrations(write_hdf5(tmp_path / "file", made))


def test_groups_within_one_another_are_bounded(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "file", "w") as file:
        file["traj_0/actions"] = np.zeros((3, 1))
        observed = file.create_group("traj_0/obs")
        for number in range(40):
            observed[f"again_{number}"] = observed
    with pytest.raises(DemonstrationError, match="file: 'traj_0/obs' holds more than 1000 arrays"):
        load_demonstrations(tmp_path / "file")


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    for content in (
        {"traj_0/weights": np.zeros(3)},
        {"traj_0": np.zeros(3)},
        {"layer_0/actions": np.zeros(3)},
        {"trajectory/actions": np.zeros(3)},
    ):
        assert not hdf5_groups.sniff(Source(write_hdf5(tmp_path / "file", content)))
