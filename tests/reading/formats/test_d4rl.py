"""D4RL's HDF5 files, read and written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, STEPS, assert_read, flat, trajectories
from saving import write_hdf5

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError
from rexd.reading.formats.d4rl import save_d4rl
from rexd.reading.load import load_demonstrations

LAST = np.cumsum(LENGTHS) - 1


def columns() -> dict[str, Any]:
    made = flat()
    last = np.isin(np.arange(STEPS), LAST)
    return {
        "observations": made["observations"],
        "actions": made["actions"],
        "rewards": made["rewards"],
        "terminals": made["dones"],
        "timeouts": last & ~made["dones"],
    }


def test_steps_of_several_environments(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    walks = np.cumsum(np.random.default_rng(0).normal(size=(50, 4, 3)), axis=0)
    ends = np.zeros((50, 4), bool)
    ends[19, 2] = True
    with h5py.File(tmp_path / "steps.hdf5", "w") as file:
        file.update({"observations": walks, "actions": walks[:, :, :2], "terminals": ends, "infos": np.zeros(50)})
    demos = load_demonstrations(tmp_path / "steps.hdf5")
    assert demos.lengths.tolist() == [50, 50, 20, 30, 50]
    assert [bool(t.terminated[-1]) for t in demos] == [False, False, True, False, False]
    np.testing.assert_array_equal(demos.trajectories[3].observations, walks[20:, 2])


def golden(folder: Path) -> list[Golden]:
    made = columns()
    following = made | {"next_observations": flat()["next_observations"], "infos/qpos": np.zeros((STEPS, 2))}
    return [
        Golden(write_hdf5(folder / "hopper_expert-v2.hdf5", following | {"metadata/algorithm": np.bytes_("SAC")}), 3),
        Golden(write_hdf5(folder / "hopper-expert-v0.hdf5", made), 3),
        Golden(write_hdf5(folder / "kitchen.hdf5", {k: v for k, v in made.items() if k != "timeouts"}), 2),
    ]


def test_ends_are_kept_apart(tmp_path: Path) -> None:
    files = golden(tmp_path)
    demos = load_demonstrations(files[0].path)
    assert_read(demos)
    assert demos.notes == ("ignored 'infos', 'metadata' of the file",)
    assert_read(load_demonstrations(files[1].path), following=False)


def test_flags_of_other_shapes_and_dtypes(tmp_path: Path) -> None:
    made = columns()
    for name in ("terminals", "timeouts", "rewards"):
        made[name] = made[name].astype(np.float32)[:, None]
    assert [len(t) for t in load_demonstrations(write_hdf5(tmp_path / "file", made))] == list(LENGTHS)


def test_a_step_that_is_both(tmp_path: Path) -> None:
    made = columns()
    made["timeouts"][:] = np.isin(np.arange(STEPS), LAST)
    demos = load_demonstrations(write_hdf5(tmp_path / "file", made))
    assert [(bool(t.terminated[-1]), bool(t.truncated[-1])) for t in demos] == [(1, 1), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observations": np.zeros((STEPS, 4, 4, 3))}, "as images do"),
        ({"actions": np.zeros((3, 2))}, r"actions have shape \(3, 2\), observations 12 rows"),
        ({"observations": np.bytes_("text")}, "'observations' has dtype .S4; expected an array of numbers"),
        ({"rewards": np.zeros(3)}, r"rewards have shape \(3,\); expected \(12,\)"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write_hdf5(tmp_path / "file.h5", columns() | change)
    with pytest.raises(DemonstrationError, match=rf"file\.h5: .*{message}"):
        load_demonstrations(file)


def made_trajectories(dtype: str = "f8", *, known: bool = True, rewards: bool = True) -> Demonstrations:
    pieces = []
    for number, t in enumerate(trajectories()):
        states = np.concatenate([t["observations"], t["next_observations"][-1:]])[: None if known else -1]
        piece = Trajectory.from_steps(
            states.astype(dtype),
            t["actions"],
            terminated=number != 1,
            rewards=t["rewards"].astype("f4") if rewards else None,
        )
        pieces.append(piece)
    return Demonstrations(tuple(pieces))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("rewards", [True, False])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nothing_is_lost(tmp_path: Path, dtype: str, known: bool, rewards: bool) -> None:
    pytest.importorskip("h5py")
    demos = made_trajectories(dtype, known=known, rewards=rewards)
    read = load_demonstrations(save_d4rl(demos, tmp_path / "file"))
    for one, other in zip(read, demos, strict=True):
        for item in fields(one):
            left, right = getattr(one, item.name), getattr(other, item.name)
            if right is None:
                assert left is None
                continue
            assert left.dtype == right.dtype
            assert left.tobytes() == right.tobytes()


def test_discrete_actions_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    made = Trajectory.from_steps(np.zeros((5, 2)), np.array([0, 2, 1, 2]))
    read = load_demonstrations(save_d4rl(Demonstrations((made,)), tmp_path / "file"))
    assert read.trajectories[0].actions.tolist() == [0, 2, 1, 2]


def test_what_the_layout_cannot_hold_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    demos = made_trajectories()
    with pytest.raises(DemonstrationError, match="cannot hold the rows that a selection left out"):
        save_d4rl(demos.subsample(2), tmp_path / "file")
    mixed = Demonstrations((demos.trajectories[0], made_trajectories("f4").trajectories[1]))
    with pytest.raises(DemonstrationError, match="have the dtypes float32, float64; expected one"):
        save_d4rl(mixed, tmp_path / "file")
    unknown = Demonstrations((demos.trajectories[0], made_trajectories(known=False).trajectories[1]))
    with pytest.raises(DemonstrationError, match="cannot hold the ends or next observations"):
        save_d4rl(unknown, tmp_path / "file")
    gap = Demonstrations((demos.trajectories[2].rows(np.array([0, 1, 3, 4])),))
    with pytest.raises(DemonstrationError, match="cannot hold the ends or next observations"):
        save_d4rl(gap, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
