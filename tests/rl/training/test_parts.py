"""A run on observations of several parts, from the reading of demonstrations to the policy that takes raw ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("sbx")

from goal_task import NAMES, GoalTask, recorded
from gymnasium.spaces import flatten
from safetensors import safe_open
from steering import CONFIG

import rexd
from rexd.errors import RunError, SpaceMismatchError
from rexd.tensors import read_tensors, write_tensors


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("parts") / "run"
    # loaded without the environment, whose phase is one-hot, these would not fit
    return rexd.train(recorded(), env=GoalTask, out=out, config=CONFIG, steps=40, progress=False)


def observations(count: int = 3) -> list:
    env = GoalTask()
    found = [env.reset(seed=5)[0]]
    return found + [env.step(np.array([0.3]))[0] for _ in range(count - 1)]


def test_the_policy_takes_raw_and_flat_observations(run):
    policy, raw = rexd.load_policy(run.path), observations()
    flat = np.stack([flatten(GoalTask.observation_space, each) for each in raw])
    expected, _ = policy.predict(flat)
    assert expected.shape == (3, 1)
    for one, wanted in zip(raw, expected, strict=True):
        action, _ = policy.predict(one)
        assert action.shape == (1,)
        np.testing.assert_allclose(action, wanted, atol=1e-6)
    batch = {
        "achieved_goal": np.stack([each["achieved_goal"] for each in raw]),
        "desired_goal": np.stack([each["desired_goal"] for each in raw]),
        "observation": {
            "phase": np.array([each["observation"]["phase"] for each in raw]),
            "place": np.stack([each["observation"]["place"] for each in raw]),
        },
    }
    np.testing.assert_array_equal(policy.predict(batch)[0], expected)
    with pytest.raises(SpaceMismatchError, match="no part 'desired_goal'"):
        policy.predict({"achieved_goal": np.zeros(1)})
    with pytest.raises(SpaceMismatchError, match="trained on 7 columns"):
        policy.predict(np.zeros(5))


def test_a_run_is_evaluated_and_its_reward_names_the_columns(run):
    assert run.evaluation["steps"] == 40
    assert run.reward().encoder_.columns.observation_names == NAMES


def test_a_damaged_description_of_the_observations(run, tmp_path):
    content, tensors = read_tensors(run.path / "policy.safetensors", "policy", RunError, "")
    content["observations"]["parts"][0]["shape"] = [2]
    write_tensors(tmp_path / "policy.safetensors", "policy", content, tensors)
    with pytest.raises(RunError, match="damaged policy file"):
        rexd.load_policy(tmp_path)


def test_policies_of_plain_observations_say_nothing_of_parts(run, tmp_path):
    path = run.policy().taking(None).save(tmp_path / "policy.safetensors")
    with safe_open(path, "pt") as file:
        assert "observations" not in json.dumps(file.metadata())
