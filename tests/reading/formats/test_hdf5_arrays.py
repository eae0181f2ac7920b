"""Arrays at the top of an HDF5 file, as DI-engine writes its expert data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import STEPS, assert_read, flat
from saving import write_hdf5

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import hdf5_arrays
from rexd.reading.load import load_demonstrations


def columns() -> dict[str, Any]:
    made = flat()
    return {
        "obs": made["observations"],
        "action": made["actions"],
        "reward": made["rewards"][:, None],
        "done": made["dones"],
        "next_obs": made["next_observations"],
    }


def golden(folder: Path) -> list[Golden]:
    plain = {"observations": flat()["observations"], "actions": flat()["actions"], "dones": flat()["dones"]}
    return [
        Golden(write_hdf5(folder / "expert_demos.hdf5", columns()), 3),
        Golden(write_hdf5(folder / "plain.h5", plain), 2),
    ]


def test_rows_end_to_end(tmp_path: Path) -> None:
    demos = load_demonstrations(golden(tmp_path)[0].path)
    assert_read(demos)
    assert demos.notes == (
        "1 ends of trajectories are not marked, but the next observation is not the row that follows: counted as "
        "truncated",
    )


def test_the_final_observation_of_one_trajectory(tmp_path: Path) -> None:
    made = {key: value[:-1] for key, value in columns().items() if key not in ("obs", "next_obs")}
    made |= {"obs": columns()["obs"], "done": np.arange(STEPS - 1) == STEPS - 2}
    (only,) = load_demonstrations(write_hdf5(tmp_path / "file", made))
    np.testing.assert_array_equal(only.next_observations, made["obs"][1:])
    assert only.next_known.all()
    assert only.terminated[-1]


def test_discrete_actions(tmp_path: Path) -> None:
    made = columns() | {"action": np.arange(STEPS)[:, None] % 3}
    demos = load_demonstrations(write_hdf5(tmp_path / "file", made))
    assert (demos.n_actions, demos.trajectories[0].actions.tolist()) == (3, [0, 1, 2, 0])


def test_what_is_no_array_is_ignored_and_named(tmp_path: Path) -> None:
    made = columns() | {"version": np.bytes_("1"), "info/a": np.zeros(3)}
    assert_read(demos := load_demonstrations(write_hdf5(tmp_path / "file", made)))
    assert demos.notes[-1] == "ignored 'info', 'version' of the file"


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    for content in ({"obs/state": np.zeros((3, 2)), "action": np.zeros((3, 1))}, {"obs": np.bytes_("a"), "action": 1}):
        file = write_hdf5(tmp_path / "file", content)
        assert not hdf5_arrays.sniff(Source(file))
        with pytest.raises(DemonstrationError, match="is an HDF5 file of action, obs; expected recorded"):
            load_demonstrations(file)
