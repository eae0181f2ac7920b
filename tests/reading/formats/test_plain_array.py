"""One array of observations beside actions, split by what the environment or the user knows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import COLUMNS, LENGTHS, assert_read, flat, trajectories
from saving import CONTAINERS, npy, pickled

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import plain_array
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

ACTIONS = flat()["actions"].shape[1]
BINARY = {name: save for name, save in CONTAINERS.items() if "json" not in name}  # JSON has no arrays


def box(columns: int) -> SimpleNamespace:
    return SimpleNamespace(shape=(columns,), low=np.full(columns, -np.inf), high=np.full(columns, np.inf))


def environment(columns: int = COLUMNS, action: Any = None) -> SimpleNamespace:
    return SimpleNamespace(observation_space=box(columns), action_space=action or box(ACTIONS), spec=None)


def beside(columns: dict[str, Any]) -> Any:
    return np.hstack([columns["observations"], columns["actions"]])


@pytest.mark.parametrize("container", BINARY)
def test_the_environment_tells_the_columns(tmp_path: Path, container: str) -> None:
    torch = pytest.importorskip("torch")
    made = beside(flat()) if container == "npy" else torch.as_tensor(beside(flat()))
    demos = load_demonstrations(BINARY[container](tmp_path, made), env=environment(), episode_length=6)
    assert [len(t) for t in demos] == [6, 6]
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), flat()["observations"])
    np.testing.assert_array_equal(np.concatenate([t.actions for t in demos]), flat()["actions"])


@pytest.mark.parametrize("columns", [slice(0, COLUMNS), [0, 1, 2]])
def test_the_user_tells_the_columns(tmp_path: Path, columns: Any) -> None:
    demos = load_demonstrations(npy(tmp_path, beside(flat())), columns=columns, episode_length=6)
    assert (demos.obs_dim, demos.act_dim) == (COLUMNS, ACTIONS)
    other = load_demonstrations(npy(tmp_path, beside(flat())[:, ::-1]), columns=slice(2, None), episode_length=6)
    np.testing.assert_array_equal(other.trajectories[0].observations, flat()["observations"][:6, ::-1])


def test_discrete_actions(tmp_path: Path) -> None:
    rows = np.hstack([flat()["observations"], np.arange(12)[:, None] % 3])
    env = environment(action=SimpleNamespace(n=3, shape=()))
    demos = load_demonstrations(npy(tmp_path, rows), env=env, episode_length=6)
    assert demos.n_actions == 3
    assert demos.trajectories[0].actions.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_batch_of_trajectories(tmp_path: Path) -> None:
    file = npy(tmp_path, beside(flat()).reshape(3, 4, -1))
    assert [len(t) for t in load_demonstrations(file, env=environment(), episode_length=4)] == [4, 4, 4]


def test_steps_of_several_environments(tmp_path: Path) -> None:
    walks = np.cumsum(np.random.default_rng(0).normal(size=(50, 4, 5)), axis=0)
    for made in (walks, list(walks)):
        demos = load_demonstrations(pickled(tmp_path, made), columns=slice(0, 3))
        assert [len(t) for t in demos] == [50] * 4
        np.testing.assert_array_equal(demos.trajectories[1].observations, walks[:, 1, :3])
        np.testing.assert_array_equal(demos.trajectories[1].actions, walks[:, 1, 3:])
        assert "the first axis is time: 50 steps of 4 environments" in demos.notes[0]


def test_one_array_for_each_trajectory(tmp_path: Path) -> None:
    parts: list[Any] = [beside(t) for t in trajectories()]
    for file in (pickled(tmp_path, parts), npy(tmp_path, parts)):
        demos = load_demonstrations(file, columns=slice(0, COLUMNS))
        assert_read(demos, ends=False, following=False, rewards=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            r"rows of 5 numbers \(an array of shape \(12, 5\)\).*; the environment would tell \(--env\).*--columns 0:N",
        ),
        ({"env": environment(9)}, "the environment has 9 and 2, expected rows of 11"),
        ({"columns": slice(0, 9)}, r"columns slice\(0, 9, None\) do not fit rows of 5 numbers; .* from 0 to 4"),
        ({"columns": [0, 9]}, r"columns \[0, 9\] do not fit rows of 5"),
        ({"columns": slice(0, 5)}, "which of them are the observation and which the action"),
    ],
)
def test_columns_that_cannot_be_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"demos\.npy: .*{message}"):
        load_demonstrations(npy(tmp_path, beside(flat())), episode_length=6, **options)


@pytest.mark.parametrize("content", [np.zeros(3), np.zeros((0, 3)), np.zeros((2, 3, 4, 5)), np.array([["a"]])])
def test_other_arrays_are_not_claimed(tmp_path: Path, content: Any) -> None:
    assert not plain_array.sniff(Source(npy(tmp_path, content)))


def golden(folder: Path) -> list[Golden]:
    flat_rows = [
        Golden(save(folder, beside(flat())), trajectories=2, hints=Hints(episode_length=6, act_dim=ACTIONS))
        for save in BINARY.values()
    ]
    (folder / "apart").mkdir()
    apart = pickled(folder / "apart", [beside(t) for t in trajectories()])
    return [*flat_rows, Golden(apart, trajectories=len(LENGTHS), hints=Hints(columns=slice(0, COLUMNS)))]
