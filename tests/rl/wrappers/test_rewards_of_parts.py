"""The wrappers around environments with observations of several parts: they keep these, and the model sees columns."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
import pytest
from goal_task import NAMES, GoalTask
from gymnasium.spaces import Dict, Discrete, Tuple, flatten
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from rexd.rl import RewardVecEnv, RewardVectorWrapper, RewardWrapper


class Spy:
    """Pays the first column of the next observation, and keeps what it was asked."""

    def __init__(self):
        self.calls = []

    def predict(self, obs, act=None, next_obs=None, step=None):
        self.calls.append((obs.copy(), next_obs.copy()))
        return next_obs[:, 0].astype(np.float32)


class FlatGoals(GoalTask):
    """The task without dicts within dicts, which Stable-Baselines3 does not take."""

    observation_space = Dict({name: GoalTask.observation_space[name] for name in ("achieved_goal", "desired_goal")})

    def _observation(self):
        return {name: value for name, value in super()._observation().items() if name != "observation"}


def play(seed: int, steps: int, task: type[GoalTask] = GoalTask) -> list[np.ndarray]:
    env = task()
    found = [flatten(env.observation_space, env.reset(seed=seed)[0])]
    return found + [flatten(env.observation_space, env.step(np.ones(1))[0]) for _ in range(steps)]


def test_one_environment():
    spy = Spy()
    env = RewardWrapper(GoalTask(), spy)
    observation, _ = env.reset(seed=0)
    assert observation.keys() == GoalTask.observation_space.spaces.keys()
    for _ in range(3):
        observation, reward, *_ = env.step(np.ones(1))
    assert reward == pytest.approx(observation["achieved_goal"][0])
    expected = play(0, 3)
    np.testing.assert_array_equal([before[0] for before, _ in spy.calls], expected[:-1])
    np.testing.assert_array_equal([after[0] for _, after in spy.calls], expected[1:])


def test_one_choice():
    spy = Spy()
    env = RewardWrapper(gymnasium.make("FrozenLake-v1", is_slippery=False), spy)
    env.reset(seed=0)
    observation, *_ = env.step(1)
    assert observation == 4
    np.testing.assert_array_equal(spy.calls[0][1][0], np.eye(16)[4])


@pytest.mark.parametrize("mode", AutoresetMode)
def test_vectors_of_environments(mode: AutoresetMode):
    spy = Spy()
    env = RewardVectorWrapper(SyncVectorEnv([GoalTask, GoalTask], autoreset_mode=mode), spy)
    env.reset(seed=[0, 1])
    for _ in range(12):
        observations, rewards, _, truncated, _ = env.step(np.ones((2, 1)))
    assert truncated.all()
    for k, expected in enumerate((play(0, 12), play(1, 12))):
        np.testing.assert_array_equal([after[k] for _, after in spy.calls], expected[1:])
    assert rewards == pytest.approx([6.0, 6.0])
    assert observations["observation"]["place"].shape == (2, 2)
    if mode is AutoresetMode.DISABLED:
        for mask, place in (([True, True], [0.0, 0.0]), ([False, True], [0.5, 0.0])):
            env.reset(options={"reset_mask": np.array(mask)})
            env.step(np.ones((2, 1)))
            np.testing.assert_array_equal(spy.calls[-1][0][:, NAMES.index("achieved_goal[0]")], place)


def test_vectors_of_tuples():
    class Pair(GoalTask):
        observation_space = Tuple([GoalTask.observation_space["achieved_goal"], Discrete(3)])

        def _observation(self):
            return np.array([self.place], np.float32), self.steps % 3

    spy = Spy()
    env = RewardVectorWrapper(SyncVectorEnv([Pair, Pair]), spy)
    env.reset(seed=0)
    env.step(np.ones((2, 1)))
    assert spy.calls[0][1].tolist() == [[0.5, 0.0, 1.0, 0.0]] * 2


def test_environments_of_stable_baselines():
    spy = Spy()
    env = RewardVecEnv(DummyVecEnv([partial(FlatGoals)] * 2), spy)
    env.seed(0)
    env.reset()
    for _ in range(12):
        observations, rewards, dones, infos = env.step(np.ones((2, 1)))
    assert dones.all()
    assert rewards == pytest.approx([6.0, 6.0])
    assert observations["achieved_goal"].tolist() == [[0.0], [0.0]]
    assert infos[0]["learned_episode"]["r"] == pytest.approx(sum(0.5 * n for n in range(1, 13)))
    np.testing.assert_array_equal([after[1] for _, after in spy.calls], play(1, 12, FlatGoals)[1:])
