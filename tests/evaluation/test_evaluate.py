import json

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box

from rexd.errors import SpaceMismatchError
from rexd.evaluation.evaluate import evaluate
from rexd.evaluation.policies import ConstantPolicy
from rexd.evaluation.statistics import summarise


class Counter(gymnasium.Env):
    """Ends after 2 to 6 steps, by the seed; pays the action and the number of the step."""

    observation_space = Box(-np.inf, np.inf, (1,), np.float64)
    action_space = Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_number, self.last = 0, int(self.np_random.integers(2, 7))
        return np.zeros(1), {}

    def step(self, action):
        self.step_number += 1
        reward = float(action[0]) + self.step_number
        return np.array([float(self.step_number)]), reward, self.step_number == self.last, False, {}


class Half:
    """A reward model that pays half of every action."""

    def predict(self, obs, act=None, next_obs=None):
        assert len(obs) == len(act) == len(next_obs)
        np.testing.assert_array_equal(next_obs, obs + 1)
        return (act[:, 0] / 2).astype(np.float32)


class Timed:
    """A reward model that pays the time, which it is told."""

    clock = True

    def predict(self, obs, act=None, next_obs=None, step=None):
        assert step.tolist() == obs[:, 0].tolist()
        return step.astype(np.float32)


class OtherTask:
    def predict(self, obs, act=None, next_obs=None):
        raise SpaceMismatchError("observations have shape (3, 1); the reward was fitted to (batch, 5)")


def test_true_and_learned_returns_of_every_episode():
    result = evaluate(Counter, ConstantPolicy(np.array([0.5])), Half(), episodes=12, seed=3)

    lengths = [episode.length for episode in result.episodes]
    assert len(set(lengths)) > 2
    for episode in result.episodes:
        assert episode.true_return == 0.5 * episode.length + sum(range(1, episode.length + 1))
        assert episode.learned_return == 0.25 * episode.length
    assert result.true == summarise([e.true_return for e in result.episodes])
    assert result.learned == summarise([e.learned_return for e in result.episodes])
    assert result.length == np.mean(lengths)


def test_a_reward_with_a_clock_is_told_the_time_of_each_step():
    result = evaluate(Counter, ConstantPolicy(np.array([0.0])), Timed(), episodes=5, seed=3)
    assert [e.learned_return for e in result.episodes] == [sum(range(e.length)) for e in result.episodes]


def test_without_a_reward_model_nothing_learned_is_reported():
    result = evaluate(Counter, ConstantPolicy(np.array([0.0])), None, episodes=2, seed=0).to_dict()

    assert result["learned"] is None
    assert [episode["learned_return"] for episode in result["episodes"]] == [None, None]


def test_dict_is_json_with_the_documented_keys():
    result = evaluate(Counter, ConstantPolicy(np.array([0.0])), Half(), episodes=3, seed=0).to_dict()

    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(result) == {"episodes", "true", "learned"}
    assert set(result["episodes"][0]) == {"return", "learned_return", "length"}
    assert set(result["true"]) == set(result["learned"]) == {"mean", "std", "iqm", "low", "high", "n"}
    assert result["true"]["n"] == 3


def test_same_seed_same_episodes_whatever_the_lockstep():
    policy = ConstantPolicy(np.array([0.5]))
    one = evaluate(Counter, policy, Half(), episodes=5, seed=1, lockstep=1)
    assert one == evaluate(Counter, policy, Half(), episodes=5, seed=1)
    assert one != evaluate(Counter, policy, Half(), episodes=5, seed=2)


def test_progress_is_told_of_every_episode():
    seen = []
    policy = ConstantPolicy(np.array([0.5]))
    evaluate(Counter, policy, None, episodes=4, seed=0, on_episode=lambda number, t: seen.append((number, len(t))))
    assert sorted(number for number, _ in seen) == [0, 1, 2, 3]


def test_a_reward_of_another_task_is_named():
    with pytest.raises(SpaceMismatchError, match=r"fitted to \(batch, 5\)"):
        evaluate(Counter, ConstantPolicy(np.array([0.5])), OtherTask(), episodes=1, seed=0)


class Door(Counter):
    """Is open at its third step alone, in those episodes that last so long."""

    def step(self, action):
        *stepped, _ = super().step(action)
        return *stepped, {"success": np.bool_(self.step_number == 3)}


@pytest.mark.parametrize("lockstep", [1, 4])
def test_an_episode_is_a_success_if_it_was_one_at_any_step(lockstep):
    policy = ConstantPolicy(np.array([0.0]))
    result = evaluate(Door, policy, None, episodes=12, seed=3, lockstep=lockstep)
    assert {episode.length >= 3 for episode in result.episodes} == {True, False}
    for episode in result.episodes:
        assert episode.success is (episode.length >= 3)
    share = sum(episode.length >= 3 for episode in result.episodes) / 12
    record = json.loads(json.dumps(result.to_dict()))
    assert result.success == record["success"] == share
    assert [episode["success"] for episode in record["episodes"]] == [e.success for e in result.episodes]


def test_nothing_is_said_of_success_where_the_environment_says_nothing():
    result = evaluate(Counter, ConstantPolicy(np.array([0.0])), None, episodes=2, seed=0)
    assert result.success is None
    assert "success" not in result.to_dict()
    assert set(result.to_dict()["episodes"][0]) == {"return", "learned_return", "length"}
