"""Environments with observations of several parts, as rexd makes and plays them."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from goal_task import NAMES, GoalTask
from gymnasium.spaces import Box, Discrete, flatten

from rexd.envs.guarded import Guarded
from rexd.envs.make import make_environment
from rexd.envs.one_instance import OneInstance
from rexd.errors import TaskError
from rexd.flattening import Flattening


def test_observations_are_flat_and_the_space_remembers_its_names():
    env = make_environment(GoalTask)
    assert Flattening.of(env.observation_space).names == NAMES
    observation, _ = env.reset(seed=3)
    task = GoalTask()
    expected, _ = task.reset(seed=3)
    np.testing.assert_array_equal(observation, flatten(task.observation_space, expected))
    assert env.observation_space.contains(observation)


def test_one_choice_is_one_hot():
    env = make_environment("FrozenLake-v1")
    assert env.observation_space.shape == (16,)
    assert env.reset(seed=0)[0].tolist() == [1] + [0] * 15


def test_a_box_is_left_as_it_is():
    env = make_environment("CartPole-v1")
    assert type(env.observation_space) is Box
    assert not isinstance(env, gymnasium.wrappers.FlattenObservation)


def test_faults_name_the_columns():
    class Faulty(GoalTask):
        def _observation(self):
            return super()._observation() | {"desired_goal": np.array([np.nan], np.float32)}

    with pytest.raises(TaskError, match=r"nan in column desired_goal\[0\]; expected finite"):
        Guarded(make_environment(Faulty)).reset()


def test_a_shared_environment_returns_the_interrupted_observation_whole():
    shared = OneInstance(GoalTask())
    one, other = make_environment(shared), make_environment(shared)
    first, _ = one.reset(seed=1)
    other.reset(seed=2)
    again, _, terminated, truncated, _ = one.step(np.zeros(1))
    np.testing.assert_array_equal(again, first)
    assert (terminated, truncated) == (False, True)


def test_spaces_are_compared_with_plain_ones():
    env = GoalTask()
    env.observation_space = Discrete(2)
    assert make_environment(lambda: env).observation_space == Box(0, 1, (2,), np.int64)
