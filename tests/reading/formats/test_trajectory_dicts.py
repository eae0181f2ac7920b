"""Lists of one dict of arrays for each trajectory, as CS285 and Decision Transformer write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import assert_read, trajectories
from saving import CONTAINERS, pickled
from stress import transitions_per_second

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import trajectory_dicts
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

CS285 = {
    "observations": "observation",
    "actions": "action",
    "rewards": "reward",
    "next_observations": "next_observation",
    "dones": "terminal",
}
D4RL = {name: "terminals" if name == "dones" else name for name in CS285}


def paths(names: dict[str, str], *, left_out: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the trajectories under other names."""
    return [{names[name]: values for name, values in t.items() if name not in left_out} for t in trajectories()]


@pytest.mark.parametrize("names", [CS285, D4RL])
@pytest.mark.parametrize("container", CONTAINERS)
def test_singular_and_plural_keys(tmp_path: Path, container: str, names: dict[str, str]) -> None:
    made = [path | {"image_obs": np.zeros(0)} for path in paths(names)]
    demos = load_demonstrations(CONTAINERS[container](tmp_path, made))
    assert_read(demos)
    assert demos.notes == ("ignored 'image_obs' of each trajectory",)


def test_without_next_observations_and_ends(tmp_path: Path) -> None:
    file = pickled(tmp_path, paths(CS285, left_out=("next_observations", "dones", "rewards")))
    assert_read(load_demonstrations(file), ends=False, following=False, rewards=False)


def test_the_final_observation_is_the_next_of_the_last_step(tmp_path: Path) -> None:
    made = [
        {
            "obs": np.concatenate([t["observations"], t["next_observations"][-1:]]),
            "acts": t["actions"],
            "rews": t["rewards"],
            "terminated": bool(t["dones"][-1]),
        }
        for t in trajectories()
    ]
    assert_read(load_demonstrations(pickled(tmp_path, made)))


def test_lists_in_place_of_arrays(tmp_path: Path) -> None:
    made = [{key: list(values) for key, values in path.items()} for path in paths(D4RL)]
    assert_read(load_demonstrations(pickled(tmp_path, made)))


def test_trajectories_without_a_step_are_left_out(tmp_path: Path) -> None:
    empty = {key: values[:0] for key, values in paths(CS285)[0].items()}
    demos = load_demonstrations(pickled(tmp_path, [*paths(CS285), empty]))
    assert_read(demos)
    assert demos.notes == ("left out 1 trajectories without a step",)


def test_a_time_limit_that_is_marked_as_terminal() -> None:
    source = Source("memory")
    source.__dict__["content"] = paths(CS285)
    demos = trajectory_dicts.load(source, Hints(max_episode_steps=4))
    assert [bool(t.truncated[-1]) for t in demos] == [True, True, False]


def test_what_only_some_have_is_left_out(tmp_path: Path) -> None:
    made = paths(CS285)
    del made[2]["reward"]
    assert_read(load_demonstrations(pickled(tmp_path, made)), rewards=False)
    made[1]["reward"] = 3.5
    assert_read(load_demonstrations(pickled(tmp_path, made)), rewards=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"action": None},
            "trajectory 1 has no rows of observations and actions; found 'observations', 'next_observations'",
        ),
        ({"action": np.array(1.0)}, "trajectory 1 has no rows of observations and actions"),
        ({"action": np.ones((5, 2))}, "trajectory 1 has 3 observations for 5 actions; expected one for each"),
        ({"observation": np.ones((3, 4))}, r"trajectory 1: observations have shape \(3, 4\); expected \(steps, 3\)"),
        ({"reward": np.ones(2)}, "trajectory 1 has 2 rewards for 3 actions"),
        ({"observation": np.full((3, 3), np.inf)}, "trajectory 1: observations: .* at step 0"),
    ],
)
def test_wrong_trajectories_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    made = paths(CS285)
    made[1] = {key: value for key, value in (made[1] | change).items() if value is not None}
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: {message}"):
        load_demonstrations(pickled(tmp_path, made))


def test_nothing_but_empty_trajectories(tmp_path: Path) -> None:
    empty = {"observation": np.zeros((0, 3)), "action": np.zeros((0, 2))}
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: no trajectory has a step"):
        load_demonstrations(pickled(tmp_path, [empty]))
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: trajectory 1 is a int; expected a dict"):
        load_demonstrations(pickled(tmp_path, [empty, 3]))


def test_a_quarter_of_a_million_transitions_a_second() -> None:
    count, episode = 200_000, 50
    source = Source("memory")
    source.__dict__["content"] = [
        {
            "observation": np.ones((episode, 17), np.float32),
            "action": np.ones((episode, 6), np.float32),
            "reward": np.ones(episode),
            "next_observation": np.ones((episode, 17), np.float32),
            "terminal": np.arange(episode) == episode - 1,
        }
        for _ in range(count // episode)
    ]
    assert len(trajectory_dicts.load(source, Hints())) == count // episode
    assert transitions_per_second(lambda: trajectory_dicts.load(source, Hints())) > 250_000


def test_one_dict_for_each_step_of_several_environments(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    walks = np.cumsum(random.normal(size=(50, 4, 3)), axis=0)
    dones = np.zeros((50, 4), bool)
    dones[19, 2] = True
    steps = [
        {"obs": walks[t], "action": random.normal(size=(4, 2)), "done": dones[t], "reward": np.arange(4.0)}
        for t in range(50)
    ]
    demos = load_demonstrations(pickled(tmp_path, steps))
    assert [len(t) for t in demos] == [50, 50, 20, 30, 50]
    np.testing.assert_array_equal(demos.trajectories[3].observations, walks[20:, 2])
    assert demos.trajectories[3].rewards.tolist() == [2.0] * 30


def golden(folder: Path) -> list[Golden]:
    return [Golden(save(folder, paths(CS285)), trajectories=3) for save in CONTAINERS.values()]
