"""The HDF5 files of d3rlpy 2."""

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
from rexd.reading.formats import d3rlpy_hdf5
from rexd.reading.load import load_demonstrations


def dumped(*, parts: bool = False, version: str = "2.1") -> dict[str, Any]:
    columns = ["observations", "actions", "rewards", "terminated"]
    made: dict[str, Any] = {"columns": np.array(columns, "S12"), "num_episodes": 3, "version": np.bytes_(version)}
    for number, t in enumerate(trajectories()):
        states = t["observations"]
        observed: dict[str, Any] = {f"observations_{number}": states}
        if parts:
            observed = {f"observations_{number}_0": states[:, :1], f"observations_{number}_1": states[:, 1:]}
        made |= observed | {
            f"actions_{number}": t["actions"],
            f"rewards_{number}": t["rewards"][:, None],
            f"terminated_{number}": bool(t["dones"][-1]),
        }
    return made


def golden(folder: Path) -> list[Golden]:
    return [
        Golden(write_hdf5(folder / "dataset.h5", dumped()), 3),
        Golden(write_hdf5(folder / "parts.h5", dumped(parts=True)), 3),
    ]


def test_every_episode_and_how_it_ended(tmp_path: Path) -> None:
    for made in golden(tmp_path):
        assert_read(load_demonstrations(made.path), following=False)


def test_discrete_actions(tmp_path: Path) -> None:
    made = dumped() | {f"actions_{n}": np.arange(steps)[:, None] % 2 for n, steps in enumerate(LENGTHS)}
    assert load_demonstrations(write_hdf5(tmp_path / "file", made)).n_actions == 2


def test_the_first_release_is_read_as_arrays(tmp_path: Path) -> None:
    """Version 2.0 could dump episodes of equal length only."""
    made = {
        "columns": np.array(["observations"], "S12"),
        "total_size": 3,
        "observations": np.random.default_rng(0).normal(size=(3, 5, 4)),
        "actions": np.zeros((3, 5, 2), np.float32),
        "rewards": np.ones((3, 5, 1)),
        "terminated": np.array([True, False, True]),
        "version": np.bytes_("2.0"),
    }
    demos = load_demonstrations(write_hdf5(tmp_path / "file", made))
    assert [len(t) for t in demos] == [5] * 3
    assert [bool(t.terminated[-1]) for t in demos] == [True, False, True]
    assert demos.returns == (5.0,) * 3
    np.testing.assert_array_equal(demos.trajectories[1].observations, made["observations"][1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_episodes": 4}, "'observations_3' is missing"),
        ({"num_episodes": 2**62}, "'observations_3' is missing"),
        ({"num_episodes": -1}, "no trajectory has a step"),
        ({"num_episodes": np.zeros(3)}, "'num_episodes' is missing or no whole number"),
        ({"num_episodes": np.bytes_("many")}, "'num_episodes' is missing or no whole number"),
        ({"terminated_1": None}, "'terminated_1' is missing or no whole number; dump the replay buffer again"),
        ({"terminated_1": 0.5}, "'terminated_1' is missing or no whole number"),
        ({"actions_1": np.zeros((2, 2))}, "trajectory 1 has 3 observations for 2 actions"),
        ({"rewards_1": np.zeros(2)}, "trajectory 1 has 2 rewards for 3 actions"),
        ({f"observations_{n}": np.zeros((k, 4, 4, 1)) for n, k in enumerate(LENGTHS)}, "as images do"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    made = {key: value for key, value in (dumped() | change).items() if value is not None}
    with pytest.raises(DemonstrationError, match=rf"file\.h5: .*{message}"):
        load_demonstrations(write_hdf5(tmp_path / "file.h5", made))


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    made = {key: value for key, value in dumped().items() if key != "columns"}
    assert not d3rlpy_hdf5.sniff(Source(write_hdf5(tmp_path / "file", made)))
