"""Observations without actions, under the names that files with actions give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import COLUMNS, LENGTHS, flat, trajectories
from saving import pickled

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import NOTE
from rexd.errors import DemonstrationError
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.from_memory import to_demonstrations
from rexd.reading.load import load_demonstrations

h5py = pytest.importorskip("h5py")


def rows() -> dict[str, Any]:
    return {name: values for name, values in flat().items() if name != "actions"}


def assert_states(demos: Demonstrations) -> None:
    assert demos.lengths.tolist() == list(LENGTHS)
    assert not demos.has_actions
    assert NOTE in demos.notes
    np.testing.assert_array_equal(demos.transitions().obs, flat()["observations"].astype(np.float32))


def paths(*, final: bool = False) -> list[dict[str, Any]]:
    made = [{"observation": t["observations"], "reward": t["rewards"]} for t in trajectories()]
    if final:
        for path, t in zip(made, trajectories(), strict=True):
            path["observation"] = np.concatenate([t["observations"], t["next_observations"][-1:]])
    return made


def hdf5(folder: Path, columns: dict[str, Any]) -> Path:
    with h5py.File(folder / "states.hdf5", "w") as file:
        for name, values in columns.items():
            file[name] = values
    return folder / "states.hdf5"


def npz(folder: Path, columns: dict[str, Any]) -> Path:
    np.savez(folder / "states.npz", **columns)
    return folder / "states.npz"


def golden(folder: Path) -> list[Golden]:
    """Return a dict of rows, a list of trajectories, an npz and an HDF5 file."""
    return [
        Golden(pickled(folder, rows()), len(LENGTHS)),
        Golden(npz(folder, rows()), len(LENGTHS)),
        Golden(hdf5(folder, rows()), len(LENGTHS)),
    ]


@pytest.mark.parametrize("written", [pickled, npz, hdf5])
def test_rows_end_to_end(tmp_path: Path, written: Any) -> None:
    demos = load_demonstrations(written(tmp_path, rows()))
    assert_states(demos)
    np.testing.assert_array_equal(demos.transitions().next_obs, flat()["next_observations"].astype(np.float32))
    assert demos.transitions().terminated.tolist() == flat()["dones"].tolist()


@pytest.mark.parametrize("final", [False, True])
def test_one_dict_for_each_trajectory(final: bool) -> None:
    demos = to_demonstrations(paths(final=final))
    assert_states(demos)
    known = [bool(t.next_known[-1]) for t in demos]
    assert known == [final] * len(LENGTHS)


def test_one_array_for_each_trajectory() -> None:
    demos = to_demonstrations({"obs": [path["observation"] for path in paths()]})
    assert_states(demos)


def test_trajectories_side_by_side() -> None:
    demos = to_demonstrations({"obs": np.arange(24.0).reshape(2, 4, 3)}, episode_length=4)
    assert demos.lengths.tolist() == [4, 4]
    assert not demos.has_actions


def test_lengths_tell_where_trajectories_begin(tmp_path: Path) -> None:
    file = npz(tmp_path, {"states": flat()["observations"], "lengths": np.array(LENGTHS)})
    assert_states(load_demonstrations(file))


def test_what_rexd_writes_is_read_back(tmp_path: Path) -> None:
    demos = to_demonstrations(rows())
    again = load_demonstrations(save_demonstrations(demos, tmp_path / "states.npz"))
    assert again.sha256 == demos.sha256
    assert not again.has_actions


@pytest.mark.parametrize("name", ["torque", "ctrl", "a"])
def test_an_array_of_an_unknown_name_may_be_the_actions(tmp_path: Path, name: str) -> None:
    for made in (rows() | {name: flat()["actions"]}, [path | {name: np.ones((3, 1))} for path in paths()]):
        with pytest.raises(DemonstrationError, match="expected"):
            load_demonstrations(pickled(tmp_path, made))


def test_images_are_no_trajectories() -> None:
    with pytest.raises(DemonstrationError, match="expected actions as 'actions'"):
        to_demonstrations({"obs": np.zeros((5, 8, 8), np.uint8)})


def test_unclear_ends_are_refused_as_those_of_other_rows() -> None:
    with pytest.raises(DemonstrationError, match="nothing says where trajectories begin"):
        to_demonstrations({"obs": np.cumsum(np.random.default_rng(0).normal(size=(40, COLUMNS)), axis=0)})
    assert to_demonstrations({"obs": np.ones((6, COLUMNS))}, episode_length=3).lengths.tolist() == [3, 3]


@pytest.mark.parametrize("broken", [{"obs": np.full((4, 2), np.nan), "dones": [0, 0, 0, 1]}, {"obs": np.zeros((0, 2))}])
def test_broken_states_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(DemonstrationError):
        to_demonstrations(broken, episode_length=None)


def test_bounds_of_actions_do_not_matter() -> None:
    assert not to_demonstrations(rows(), action_bounds=(-1, 1)).has_actions
