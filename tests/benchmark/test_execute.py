import json
from datetime import date

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from suites import TASK, suite

from rexd.benchmark.execute import execute, select
from rexd.benchmark.machine import machine
from rexd.benchmark.runs import Folders, RunSpec, expand
from rexd.evaluation.policies import ConstantPolicy


class Walk(gymnasium.Env):
    """Two steps, of which the first is a success in about half of the episodes."""

    observation_space = Box(-1.0, 1.0, (2,), np.float32)
    action_space = Box(-1.0, 1.0, (1,), np.float32)
    tells = True

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.lucky, self.taken = bool(self.np_random.integers(2)), 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.taken += 1
        info = {"success": float(self.lucky and self.taken == 1)} if self.tells else {}
        return np.zeros(2, np.float32), float(self.lucky), self.taken == 2, False, info


class Silent(Walk):
    tells = False


@pytest.fixture
def result_of(tmp_path, monkeypatch):
    """The result of cloning in an environment, with a constant policy for the clone."""
    monkeypatch.setattr("rexd.benchmark.execute.clone", lambda *_, **__: ConstantPolicy(np.zeros(1)))
    rows = np.zeros((8, 3), np.float32)
    ends = np.arange(8) % 2 == 1
    np.savez(tmp_path / "walk.npz", obs=rows[:, :2], acts=rows[:, 2:], next_obs=rows[:, :2], dones=ends)

    def run(environment):
        monkeypatch.setitem(
            gymnasium.registry, "Walk-v0", gymnasium.envs.registration.EnvSpec("Walk-v0", entry_point=environment)
        )
        task = {**TASK, "env": "Walk-v0", "demonstrations": "walk.npz"}
        found = suite(tasks={"Walk": task}, methods={"bc": {"kind": "cloning"}})
        run = next(run for run in expand(found) if run.regime.name == "1x1")
        folders = Folders(tmp_path / "results", tmp_path / "runs", tmp_path)
        execute(run, folders)
        return json.loads((tmp_path / "results" / "tiny" / f"{run.id}.json").read_text())

    return run


def test_a_result_tells_where_and_when_it_was_made(result_of):
    found = result_of(Silent)
    assert (found["suite"], found["machine"]) == ("tiny", machine())
    assert found["machine"]["processor"]
    assert abs((date.fromisoformat(found["date"]) - date.today()).days) <= 1


def test_the_share_of_successes_is_in_the_result_where_the_environment_tells_it(result_of):
    found = result_of(Walk)
    lucky = [episode["return"] == 2.0 for episode in found["episodes"]]
    assert set(lucky) == {True, False}
    assert [episode["success"] for episode in found["episodes"]] == lucky
    assert found["success"] == sum(lucky) / len(lucky)
    silent = result_of(Silent)
    assert "success" not in silent
    assert "success" not in silent["episodes"][0]
    assert found.keys() - silent.keys() == {"success"}


def test_a_task_may_use_the_states_alone(tmp_path):
    task = {**TASK, "env": "Pendulum-v1", "demonstrations": "shown.npz"}
    rows = np.zeros((8, 4), np.float32)
    np.savez(tmp_path / "shown.npz", obs=rows[:, :3], acts=rows[:, 3:], dones=np.arange(8) % 2 == 1)
    found = suite(tasks={"whole": task, "states": {**task, "without_actions": True}}, methods={"ours": {}})
    folders = Folders(tmp_path / "results", tmp_path / "runs", tmp_path)
    runs = {run.task.name: run for run in expand(found) if run.regime.name == "1x1"}
    assert select(runs["whole"], folders).has_actions
    assert not select(runs["states"], folders).has_actions
    assert runs["states"].settings["without_actions"] is True
    assert "without_actions" not in runs["whole"].settings  # results from before do not become stale


def test_a_task_may_name_the_columns_of_a_goal(tmp_path):
    task = {**TASK, "demonstrations": "shown.npz"}
    rows = np.zeros((8, 4), np.float32)
    np.savez(tmp_path / "shown.npz", obs=rows[:, :3], acts=rows[:, 3:], dones=np.arange(8) % 2 == 1)
    found = suite(tasks={"plain": task, "goals": {**task, "goal": [0], "relative": [2]}}, methods={"ours": {}})
    folders = Folders(tmp_path / "results", tmp_path / "runs", tmp_path)
    runs = {run.task.name: run for run in expand(found) if run.regime.name == "1x1"}
    expected = {"desired": [0], "reached": [2], "relative": "achieved-desired"}
    assert select(runs["goals"], folders).goals.to_dict() == expected
    assert select(runs["plain"], folders).goals is None
    assert runs["goals"].settings["goals"] == expected
    assert "goals" not in runs["plain"].settings  # results from before do not become stale
    assert RunSpec.from_dict(json.loads(json.dumps(runs["goals"].to_dict()))).settings == runs["goals"].settings
