"""Runs of tasks with goals: the goals that names tell and that a description tells, the reward's file, and resume."""

from __future__ import annotations

import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

pytest.importorskip("sbx")

from goal_task import GoalTask, recorded
from gymnasium.spaces import flatten
from steering import CONFIG

import rexd
from rexd.demos.goals import Goals
from rexd.demos.other_goals import with_other_goals
from rexd.errors import RewardFileError, RunError, SpaceMismatchError
from rexd.reading.from_memory import to_demonstrations
from rexd.reward.calibration import unrelated_actions
from rexd.rl.replay.hindsight import Hindsight
from rexd.tensors import read_tensors, write_tensors

FOUND = Goals((1,), (0,))
RELATIVE = Goals((0,), (2,), "achieved-desired")


class FlatTask(gymnasium.Env):
    """The same task as one array: the goal, the place, and the place minus the goal."""

    observation_space = gymnasium.spaces.Box(-99, 99, (3,), np.float32)
    action_space = GoalTask.action_space

    def __init__(self):
        self.inner = GoalTask()

    def reset(self, *, seed=None, options=None):
        found, info = self.inner.reset(seed=seed)
        return columns(found), info

    def step(self, action):
        found, *rest = self.inner.step(action)
        return columns(found), *rest


def columns(found):
    goal, place = found["desired_goal"][0], found["achieved_goal"][0]
    return np.array([goal, place, place - goal], np.float32)


def flat(goals=RELATIVE):
    episodes = [
        {"observations": np.stack([columns(each) for each in e["observations"]]), "actions": np.stack(e["actions"])}
        for e in recorded()
    ]
    return replace(to_demonstrations(episodes), goals=goals)


@pytest.fixture(scope="module")
def of_parts(tmp_path_factory):
    return rexd.train(recorded(), env=GoalTask, out=tmp_path_factory.mktemp("parts") / "run", config=CONFIG, steps=60)


@pytest.fixture
def made(monkeypatch):
    """What keeps episodes with other goals in the runs of a test."""
    kept, begin = [], Hindsight.__init__

    def remembered(self, *arguments, **options):
        begin(self, *arguments, **options)
        kept.append(self)

    monkeypatch.setattr(Hindsight, "__init__", remembered)
    return kept


def test_the_goal_interface_is_found_and_recorded(of_parts):
    assert Goals.from_dict(json.loads((of_parts.path / "config.json").read_text())["goals"]) == FOUND
    assert of_parts.reward().encoder_.columns.goals == FOUND


def test_the_reward_sees_the_way_to_the_goal_alone(of_parts):
    reward = of_parts.reward()
    assert reward.encoder_.columns.names == ["achieved - desired[0]", "action[0]"]
    env = GoalTask()
    row = flatten(env.observation_space, env.reset(seed=3)[0])[None]
    act, step = np.zeros((1, 1), np.float32), np.zeros(1, np.int64)
    moved = row.copy()
    moved[:, :2] += 3.0  # achieved and desired, by as much
    np.testing.assert_allclose(reward.predict(moved, act, step=step), reward.predict(row, act, step=step), atol=1e-4)
    assert reward.novelty(FOUND.exchanged(row, np.array([5.0])), act, step=step) != reward.novelty(row, act, step=step)
    with pytest.raises(SpaceMismatchError, match=r"shape \(1, 6\); the reward was fitted to \(batch, 7\)"):
        reward.predict(row[:, :6], act)


def test_the_file_of_a_reward_keeps_the_columns(of_parts, tmp_path):
    path = of_parts.path / "reward.safetensors"
    content, tensors = read_tensors(path, "reward", RewardFileError, "")
    assert content["goals"] == {"desired": [1], "reached": [0], "relative": None}
    row, act = np.random.default_rng(0).normal(size=(9, 7)), np.zeros((9, 1), np.float32)
    again = rexd.load_reward(rexd.load_reward(path).save(tmp_path / "again.safetensors"))
    np.testing.assert_array_equal(again.novelty(row, act), of_parts.reward().novelty(row, act))
    for wrong in ({"desired": [1], "reached": [9], "relative": None}, {"desired": [1], "reached": []}, [1, 2]):
        damaged = write_tensors(tmp_path / "damaged.safetensors", "reward", {**content, "goals": wrong}, tensors)
        with pytest.raises(RewardFileError, match="damaged"):
            rexd.load_reward(damaged)


def test_the_scale_of_a_reward_is_measured_at_other_goals():
    demos = with_other_goals(flat())
    for rows in unrelated_actions(demos, 0):
        places = rows.obs[:, 1]
        np.testing.assert_allclose(rows.obs[:, 2], places - rows.obs[:, 0], atol=1e-5)
        assert len(np.unique(rows.obs[:, 0].round(4))) > 10  # what all rows achieved
        assert np.abs(rows.obs[:, 2]).mean() > 2 * np.abs(demos.transitions().obs[:, 2]).mean() / 3


@pytest.mark.slow
def test_a_description_makes_a_flat_task_one_with_goals(tmp_path, made):
    run = rexd.train(flat(), env=FlatTask, out=tmp_path / "run", config=CONFIG, steps=60, progress=False)
    assert run.reward().encoder_.columns.goals == RELATIVE
    (kept,) = made
    found = kept._rows
    assert len(found.obs) == 5 * 12 * 4  # five episodes were finished before the last updates, each with four goals
    obs = found.obs * kept._scale.std + kept._scale.mean
    np.testing.assert_allclose(obs[:, 2], obs[:, 1] - obs[:, 0], atol=1e-4)
    policy = rexd.load_policy(run.path)
    assert policy.predict(np.zeros(3, np.float32))[0].shape == (1,)


@pytest.mark.slow
def test_a_resumed_run_learns_from_the_same_goals(tmp_path, made):
    settings = {"env": FlatTask, "out": tmp_path / "run", "config": CONFIG, "progress": False}
    rexd.train(flat(), **settings, steps=60)
    more = rexd.train(flat(), **settings, steps=100, resume=True)
    assert more.evaluation["steps"] == 100
    before, after = made
    rows = len(before._rows.obs)
    np.testing.assert_allclose(after._rows.obs[:rows], before._rows.obs, atol=1e-6)
    np.testing.assert_allclose(after._rows.reward[:rows], before._rows.reward, atol=1e-6)
    with pytest.raises(RunError, match="goals"):
        rexd.train(flat(None), **settings, steps=120, resume=True)


def test_without_goals_nothing_has_another_one(tmp_path, made):
    run = rexd.train(flat(None), env=FlatTask, out=tmp_path / "run", config=CONFIG, steps=60, progress=False)
    assert not made
    assert "goals" not in json.loads((run.path / "config.json").read_text())
    assert run.reward().encoder_.columns.names[:3] == ["observation[0]", "observation[1]", "observation[2]"]


@pytest.mark.parametrize("algorithm", ["sb3-sac", "sb3-ppo"])
def test_other_learners_take_tasks_with_goals(tmp_path, made, algorithm):
    run = rexd.train(
        flat(), env=FlatTask, out=tmp_path / "run", config=CONFIG, steps=60, algorithm=algorithm, progress=False
    )
    assert run.evaluation["steps"] >= 60
    assert len(made) == (algorithm == "sb3-sac")
