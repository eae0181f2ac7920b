"""Observations that are dicts, in each layout of a saved object."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium")

import gymnasium
from goal_task import NAMES, GoalTask, recorded
from golden import Golden

import rexd
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.reading.load import load_demonstrations

SORTED = (*NAMES[:2], "observation/phase[0]", *NAMES[-2:])
"""The names without an environment, which tells that the phase is one of three options."""


def by_key(observations: list[Any]) -> Any:
    """Return one dict of arrays in place of a list of dicts."""
    if not isinstance(observations[0], dict):
        return np.array(observations)
    return {key: by_key([row[key] for row in observations]) for key in observations[0]}


def transitions() -> list[dict[str, Any]]:
    return [
        {"obs": before, "action": action, "next_obs": after, "done": done}
        for episode in recorded()
        for before, action, after, done in zip(
            episode["observations"][:-1],
            episode["actions"],
            episode["observations"][1:],
            episode["truncations"],
            strict=True,
        )
    ]


def layouts() -> dict[str, Any]:
    rows, episodes = transitions(), recorded()
    batch = [by_key(episode["observations"]) for episode in episodes]
    steps = {"obs": by_key([row["obs"] for row in rows]), "next_obs": by_key([row["next_obs"] for row in rows])}
    ends = {"acts": np.array([row["action"] for row in rows]), "dones": np.array([row["done"] for row in rows])}
    return {
        "transitions": rows,
        "trajectories with a dict for each step": episodes,
        "trajectories with an array for each key": [
            {**episode, "observations": by_key(episode["observations"])} for episode in episodes
        ],
        "tuples": [(row["obs"], row["action"], row["next_obs"], row["done"]) for row in rows],
        "tuples of each trajectory": [
            [(row["obs"], row["action"], row["next_obs"], row["done"]) for row in rows[12 * n : 12 * n + 12]]
            for n in range(4)
        ],
        "arrays": {**steps, **ends},
        "arrays, a list of dicts": {**ends, "obs": [row["obs"] for row in rows]},
        "batch": {"obs": by_key(batch), "acts": np.array([episode["actions"] for episode in episodes])},
        "list of dicts of arrays": {"obs": batch, "acts": [np.array(e["actions"]) for e in episodes]},
    }


def check(demos: rexd.Demonstrations, names: tuple[str, ...]) -> None:
    assert [len(t) for t in demos] == [12] * 4
    assert demos.column_names == names
    for t, episode in zip(demos, recorded(), strict=True):
        place = [row["observation"]["place"][0] for row in episode["observations"]]
        np.testing.assert_array_equal(t.observations[:, names.index("observation/place[0]")], place[:-1])
        np.testing.assert_array_equal(t.observations[:, names.index("achieved_goal[0]")], place[:-1])
        known = t.next_known
        np.testing.assert_array_equal(
            t.next_observations[known, names.index("observation/place[0]")], np.array(place[1:])[known]
        )
        np.testing.assert_array_equal(t.actions, episode["actions"])


@pytest.mark.parametrize("layout", layouts())
def test_every_layout_in_memory_and_in_a_file(layout: str, tmp_path: Path) -> None:
    content = layouts()[layout]
    check(rexd.to_demonstrations(content), SORTED)
    check(rexd.to_demonstrations(content, env=GoalTask()), NAMES)
    file = tmp_path / "demos"
    file.write_bytes(pickle.dumps(content))
    check(load_demonstrations(file), SORTED)
    check(load_demonstrations(file, env=GoalTask()), NAMES)


def test_an_npz_of_a_dict_and_an_array_of_dicts(tmp_path: Path) -> None:
    made = layouts()["arrays"]
    file = tmp_path / "demos.npz"
    np.savez(file, **made)
    check(load_demonstrations(file), SORTED)
    np.savez(file, obs=np.array([row["obs"] for row in transitions()]), acts=made["acts"], dones=made["dones"])
    check(load_demonstrations(file), SORTED)


def test_the_note_tells_the_columns() -> None:
    demos = rexd.to_demonstrations(transitions())
    assert demos.notes[-1] == (
        "observation columns are 'achieved_goal' 0:1, 'desired_goal' 1:2, 'observation/phase' 2:3, "
        "'observation/place' 3:5"
    )


def test_the_environment_decides_the_order() -> None:
    space = gymnasium.spaces.Dict([("z", gymnasium.spaces.Box(-9, 9, (1,))), ("a", gymnasium.spaces.Discrete(3))])
    env = GoalTask()
    env.observation_space = space
    rows = [{"obs": {"a": n % 3, "z": [float(n)]}, "action": [0.5], "done": n % 4 == 3} for n in range(8)]
    found = rexd.to_demonstrations(rows, env=env)
    assert found.column_names == ("z[0]", "a[0]", "a[1]", "a[2]")
    assert found.trajectories[1].observations[1].tolist() == [5.0, 0.0, 0.0, 1.0]
    assert rexd.to_demonstrations(rows).trajectories[1].observations[1].tolist() == [2.0, 5.0]
    with pytest.raises(SpaceMismatchError, match=r"lack a\[1\], a\[2\].*--env"):
        rexd.demos.fit_to_spaces(rexd.to_demonstrations(rows), space, env.action_space)


def test_tuples_are_observations_where_the_environment_says_so() -> None:
    env = GoalTask()
    env.observation_space = gymnasium.spaces.Tuple([gymnasium.spaces.Box(-9, 9, (2,)), gymnasium.spaces.Discrete(2)])
    rows = [
        {"obs": (np.array([n, 1.0]), n % 2), "action": np.array([0.1 * n]), "done": n % 4 == 3, "reward": 0.0}
        for n in range(8)
    ]
    found = rexd.to_demonstrations(rows, env=env)
    assert found.column_names == ("0[0]", "0[1]", "1[0]", "1[1]")
    assert found.trajectories[0].observations[1].tolist() == [1.0, 1.0, 0.0, 1.0]


def test_integers_are_one_hot_where_the_environment_has_discrete_observations() -> None:
    env = GoalTask()
    env.observation_space = gymnasium.spaces.Discrete(4)
    data = {"obs": np.arange(8) % 4, "acts": np.zeros((8, 1)), "dones": np.arange(8) % 4 == 3}
    found = rexd.to_demonstrations(data, env=env)
    np.testing.assert_array_equal(found.trajectories[1].observations, np.eye(4))
    with pytest.raises(DemonstrationError, match="expected one of 4 options from 0 on"):
        rexd.to_demonstrations({**data, "obs": np.arange(8)}, env=env)


def test_images_are_left_out_and_named() -> None:
    rows = [{**row, "obs": {"goal": [1.0], "camera": np.zeros((4, 4, 3), np.uint8)}} for row in transitions()]
    rows = [{key: value for key, value in row.items() if key != "next_obs"} for row in rows]
    demos = rexd.to_demonstrations(rows)
    assert demos.column_names == ("goal[0]",)
    assert demos.notes[-1].startswith("left out 'camera' of the observations")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"desired_goal": np.zeros(2)}, r"'desired_goal' has shape \(2,\)"),
        ({"desired_goal": [np.nan]}, "trajectory 2: observations: 1 values are NaN.* at step 0"),
        ({"desired_goal": "north"}, "'desired_goal' has .*; expected numbers"),
        ({"observation": 3}, "no part 'observation/phase'; found a"),
        ({}, "no part 'achieved_goal'; found nothing"),
    ],
)
def test_wrong_parts_are_named(change: dict[str, Any], message: str) -> None:
    rows = transitions()
    rows[13]["obs"] = rows[13]["obs"] | change if change else {}
    with pytest.raises(DemonstrationError, match=message):
        rexd.to_demonstrations(rows)


def test_selected_columns_keep_their_names(tmp_path: Path) -> None:
    demos = rexd.to_demonstrations(transitions(), columns=[4, 0])
    assert demos.column_names == ("observation/place[1]", "achieved_goal[0]")
    file = rexd.save_demonstrations(demos, tmp_path / "demos.npz")
    assert load_demonstrations(file).column_names == demos.column_names
    assert b"column_names" not in rexd.save_demonstrations(unnamed(), tmp_path / "plain.npz").read_bytes()


def unnamed() -> rexd.Demonstrations:
    return rexd.to_demonstrations({"obs": np.zeros((4, 2)), "acts": np.zeros((4, 1)), "dones": [0, 0, 0, 1]})


def golden(folder: Path) -> list[Golden]:
    made = []
    for name in ("transitions", "arrays", "tuples"):
        path = folder / f"{name}.pkl"
        path.write_bytes(pickle.dumps(layouts()[name]))
        made.append(Golden(path, 4))
    return made
