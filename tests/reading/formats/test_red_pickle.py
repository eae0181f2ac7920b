"""The RED authors' pickles, real and damaged."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden

from rexd.errors import DemonstrationError
from rexd.reading.containers.pickles.unpickler import load_pickle
from rexd.reading.containers.source import Source
from rexd.reading.formats import red_pickle
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints


def write(folder: Path, content: object, protocol: int = 4) -> Path:
    file = folder / "demos.pkl"
    file.write_bytes(pickle.dumps(content, protocol))
    return file


@pytest.mark.parametrize(
    ("name", "steps", "columns", "actions"),
    [
        ("Ant", 1000, 111, 8),
        ("HalfCheetah", 1000, 17, 6),
        ("Hopper", 1000, 11, 3),
        ("Reacher", 50, 11, 2),
        ("Walker2d", 1000, 17, 6),
    ],
)
def test_real_files(shared_data: Path, name: str, steps: int, columns: int, actions: int) -> None:
    file = shared_data / "red" / f"{name}-v2.pkl"
    assert red_pickle.sniff(Source(file))
    demos = load_demonstrations(file)
    assert [len(t) for t in demos] == [steps] * 4
    assert (demos.obs_dim, demos.act_dim, demos.returns) == (columns, actions, None)
    assert demos.notes[0].startswith(f"inferred 4 trajectories of {steps} steps")
    raw = load_pickle(file)
    np.testing.assert_array_equal(np.concatenate([t.actions for t in demos]), raw["actions"][:, 0])
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), raw["observations"])
    rows = demos.transitions()
    assert np.flatnonzero(~rows.next_known).tolist() == [steps * n - 1 for n in range(1, 5)]
    assert not rows.terminated.any()


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_told_by_content(tmp_path: Path, protocol: int) -> None:
    observations = np.random.default_rng(0).normal(size=(6, 2))
    file = write(tmp_path, {"observations": observations, "actions": np.ones((6, 1, 3))}, protocol)
    demos = load_demonstrations(file.rename(tmp_path / "no suffix"), episode_length=3)
    np.testing.assert_array_equal(demos.trajectories[1].observations, observations[3:])
    assert demos.trajectories[0].actions.shape == (3, 3)


@pytest.mark.parametrize(
    ("actions", "shape"),
    [
        (np.zeros(6), (3, 1)),
        (np.zeros((6, 1)), (3, 1)),
        (np.zeros((6, 1, 4)), (3, 4)),
        (np.zeros(6, int), (3,)),
        (np.zeros((6, 1), int), (3,)),
        (np.zeros((6, 1, 1), int), (3,)),
        (np.zeros((6, 2), int), (3, 2)),  # two choices at the same time
    ],
)
def test_action_shapes(tmp_path: Path, actions: np.ndarray[Any, Any], shape: tuple[int, ...]) -> None:
    file = write(tmp_path, {"observations": np.zeros((6, 2)), "actions": actions})
    assert load_demonstrations(file, episode_length=3).trajectories[0].actions.shape == shape


def test_rewards_are_kept_and_other_keys_noted(tmp_path: Path) -> None:
    content = {"observations": np.zeros((6, 2)), "actions": np.zeros((6, 1)), "rewards": np.ones((6, 1)), "dones": 1}
    demos = load_demonstrations(write(tmp_path, content), episode_length=3)
    assert demos.returns == (3.0, 3.0)
    assert demos.notes == ("cut into 2 trajectories of 3 steps, as asked", "ignored 'dones' of the file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"actions": None, "ac": np.zeros((6, 1))},
            r"has no 'actions'; found 'observations', 'ac', expected actions as 'actions', 'action'",
        ),
        ({"observations": None}, "has no 'observations'; found 'actions'"),
        ({"observations": {"text": ["a"] * 6}}, "observations have no part that is an array of numbers"),
        (
            {"observations": np.zeros((6, 8, 8, 3))},
            r"shape \(6, 8, 8, 3\) and dtype float64, as images do; expected .* bytes",
        ),
        ({"observations": np.zeros((6, 84, 84))}, "as images do"),
        ({"observations": np.full((6, 2), 2**60)}, "dtype int64; expected floating point"),
        ({"observations": np.zeros(6)}, r"shape \(6,\)"),
        ({"observations": np.zeros((0, 2)), "actions": np.zeros((0, 1))}, r"shape \(0, 2\)"),
        ({"observations": [[1.0, 2.0]] * 6}, "observations are a list; expected one array"),
        ({"observations": np.array([None] * 6)}, "observations are an object array"),
        ({"actions": np.zeros((4, 1))}, r"actions have shape \(4, 1\), observations 6 rows"),
        ({"actions": np.float64(3)}, "actions are a float64"),
        ({"rewards": np.zeros(5)}, "rewards have shape"),
        ({"actions": np.array([[0], [0], [0], [0], [np.nan], [0]])}, "trajectory 1: actions: .* at step 1"),
        ({"observations": np.diag([0, 0, 0, np.inf, 0, 0.0])}, "trajectory 1: observations: .* at step 0"),
    ],
)
def test_unusable_content_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    content = {"observations": np.zeros((6, 2)), "actions": np.zeros((6, 1))} | changes
    file = write(tmp_path, {key: value for key, value in content.items() if value is not None})
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: .*{message}"):
        load_demonstrations(file, episode_length=3)


def test_real_file_cut_short(shared_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "cut.pkl"
    for size in (300, 5000, 400_000):
        file.write_bytes((shared_data / "red" / "Hopper-v2.pkl").read_bytes()[:size])
        with pytest.raises(DemonstrationError, match=r"cut\.pkl: the pickle is (cut short or )?damaged.*again"):
            load_demonstrations(file)


def test_other_pickles_are_described(tmp_path: Path) -> None:
    assert not red_pickle.sniff(Source(write(tmp_path, [1, 2])))
    with pytest.raises(
        DemonstrationError,
        match=r"demos\.pkl: is a pickled list of 2, the first: int; expected recorded.*save_demonstrations",
    ):
        load_demonstrations(write(tmp_path, [1, 2]))


def golden(folder: Path) -> list[Golden]:
    rows = np.random.default_rng(0).normal(size=(6, 2))
    content = {"observations": rows, "actions": np.ones((6, 1, 3), np.float32)}
    return [Golden(write(folder, content), trajectories=2, hints=Hints(episode_length=3))]


def test_the_final_observation_of_one_trajectory(tmp_path: Path) -> None:
    states = np.random.default_rng(0).normal(size=(9, 3))
    (only,) = load_demonstrations(write(tmp_path, {"observations": states, "actions": np.zeros((8, 1, 2))}))
    np.testing.assert_array_equal(only.observations, states[:-1])
    np.testing.assert_array_equal(only.next_observations, states[1:])
    assert only.next_known.all()
