"""Observations and actions in array files side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden import Golden
from numpy.typing import NDArray
from recorded import STEPS, assert_read, flat, trajectories

from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.source import Source
from rexd.reading.formats import array_pair
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def write(file: Path, rows: NDArray[Any]) -> Path:
    file.parent.mkdir(exist_ok=True)
    if file.suffix == ".npy":
        np.save(file, rows)
    else:
        torch.save(torch.from_numpy(rows), file)
    return file


def pair(
    folder: Path, observations: NDArray[Any], actions: NDArray[Any], names: str = "states.npy actions.npy"
) -> Path:
    for name, rows in zip(names.split(), (observations, actions), strict=True):
        write(folder / name, rows)
    return folder


@pytest.mark.parametrize(
    "names", ["states.npy actions.npy", "obs.npy acts.npy", "observations.pt actions.pt", "ant_obs_7.npy ant_act_7.npy"]
)
@pytest.mark.parametrize("final", [False, True])
def test_one_recording_in_two_files(tmp_path: Path, names: str, final: bool) -> None:
    rng = np.random.default_rng(0)
    states, actions = rng.normal(size=(31, 3)), rng.normal(size=(30, 2))
    pair(tmp_path, states if final else states[:-1], actions, names)
    both = [tmp_path / name for name in names.split()]
    for given in (tmp_path, *both, both, both[::-1]):
        (t,) = load_demonstrations(given, episode_length=None if final else 30)
        np.testing.assert_array_equal(t.observations, states[:-1])
        np.testing.assert_array_equal(t.actions, actions)
        np.testing.assert_array_equal(t.next_observations[:-1], states[1:-1])
        assert t.next_known.tolist() == [True] * 29 + [final]


def test_three_axes_are_episodes_steps_and_columns(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    states, actions = rng.normal(size=(4, 9, 3)), rng.normal(size=(4, 8, 2))
    demos = load_demonstrations(pair(tmp_path, states, actions))
    assert demos.lengths.tolist() == [8] * 4
    np.testing.assert_array_equal(demos.trajectories[2].next_observations, states[2, 1:])


def test_rewards_and_ends_lie_beside(tmp_path: Path) -> None:
    columns = flat()
    for name in ("observations", "actions", "rewards", "next_observations", "dones"):
        write(tmp_path / f"{name}.npy", columns[name])
    assert_read(load_demonstrations(tmp_path / "actions.npy"))
    assert_read(load_demonstrations(tmp_path))


def test_several_pairs_in_a_folder_are_an_episode_each(tmp_path: Path) -> None:
    for number, t in enumerate(trajectories()):
        pair(tmp_path, t["observations"], t["actions"], f"obs_{number}.npy acts_{number}.npy")
    demos = load_demonstrations(tmp_path)
    assert_read(demos, ends=False, following=False, rewards=False)
    assert any("in each of 3 files: taken as one trajectory" in note for note in demos.notes)


def test_a_pair_does_not_hide_other_recordings(tmp_path: Path) -> None:
    pair(tmp_path, np.zeros((6, 3)), np.zeros((5, 2)))
    np.savez(tmp_path / "more.npz", obs=np.ones((5, 3)), acts=np.ones((4, 2)))
    assert load_demonstrations(tmp_path).lengths.tolist() == [5, 4]


@pytest.mark.parametrize("other", [{"obs": 1}, np.float64(3.0)])
def test_what_is_no_array_is_no_column(tmp_path: Path, other: Any) -> None:
    np.save(tmp_path / "states.npy", np.zeros((5, 3)))
    np.save(tmp_path / "actions.npy", np.array(other, object))
    assert not array_pair.sniff(Source(tmp_path))
    assert not array_pair.sniff(Source(tmp_path / "states.npy"))


def test_a_file_alone_is_no_pair(tmp_path: Path) -> None:
    pair(tmp_path, np.zeros((5, 3)), np.zeros((5, 2)))
    (tmp_path / "actions.npy").rename(tmp_path / "other_actions.npy")
    assert not array_pair.sniff(Source(tmp_path / "states.npy"))
    assert not array_pair.sniff(Source(tmp_path))


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    pair(tmp_path, np.zeros((9, 3)), np.zeros((5, 2)))
    with pytest.raises(DemonstrationError, match=r"actions have shape \(5, 2\), observations 9 rows"):
        load_demonstrations(tmp_path)


def test_a_pickle_beside_it_executes_nothing(tmp_path: Path) -> None:
    pair(tmp_path, np.zeros((5, 3)), np.zeros((5, 2)))
    (tmp_path / "actions.npy").write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    for given in (tmp_path, tmp_path / "states.npy"):
        with pytest.raises(UnsafeFileError, match="actions"):
            load_demonstrations(given)


def golden(folder: Path) -> list[Golden]:
    """Return folders only: the tests of all formats rename files, but in a pair the names tell what each file holds."""
    columns = flat()
    half = Hints(episode_length=STEPS // 2)
    batch = np.random.default_rng(0).normal(size=(2, 5, 3)), np.random.default_rng(1).normal(size=(2, 4, 2))
    return [
        Golden(pair(folder / "npy", columns["observations"], columns["actions"]), 2, half),
        Golden(pair(folder / "torch", columns["observations"], columns["actions"], "obs.pt acts.pt"), 2, half),
        Golden(pair(folder / "batch", *batch), 2),
    ]
