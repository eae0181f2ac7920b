"""An environment that cannot be made again is shared in turns."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.wrappers import TimeLimit

from rexd.envs.one_instance import OneInstance
from rexd.evaluation.policies import RandomPolicy
from rexd.evaluation.rollouts import rollout


class Walk(gymnasium.Env):
    """A random walk that writes to its own observation, and counts how often it is closed."""

    observation_space, action_space = Box(-np.inf, np.inf, (1,), np.float64), Box(-1, 1, (1,))
    closed = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=1)
        return self.state, {}

    def step(self, action):
        self.state += action + self.np_random.normal()
        return self.state, 1.0, False, False, {}

    def close(self):
        Walk.closed += 1


@pytest.fixture
def shared():
    return OneInstance(TimeLimit(Walk(), 6))


def test_an_interrupted_episode_is_cut_off(shared):
    training, evaluation = shared(), shared()
    training.reset(seed=0)
    before = training.step(np.array([0.5]))[0].copy()
    evaluation.reset(seed=1)
    evaluation.step(np.array([0.5]))
    observation, reward, terminated, truncated, _ = training.step(np.array([0.5]))
    np.testing.assert_array_equal(observation, before)
    assert (reward, terminated, truncated) == (0.0, False, True)
    training.reset()
    assert training.step(np.array([0.5]))[1:4] == (1.0, False, False)


def test_the_same_evaluation_does_not_begin_the_same_training_again(shared):
    training, evaluation = shared(), shared()
    starts = [float(training.reset(seed=0)[0][0])]
    for _ in range(3):
        evaluation.reset(seed=9)
        starts.append(float(training.reset()[0][0]))
    assert len(set(starts)) == 4
    again, other = shared(), shared()
    repeated = [float(again.reset(seed=0)[0][0])]
    for _ in range(3):
        other.reset(seed=9)
        repeated.append(float(again.reset()[0][0]))
    assert repeated == starts


def test_alone_it_is_the_environment(shared):
    turn, alone = shared(), TimeLimit(Walk(), 6)
    for seed in (3, None):
        np.testing.assert_array_equal(turn.reset(seed=seed)[0], alone.reset(seed=seed)[0])
        for _ in range(6):
            mine, theirs = (env.step(np.array([0.1])) for env in (turn, alone))
            np.testing.assert_array_equal(mine[0], theirs[0])
            assert mine[1:4] == theirs[1:4]


def test_rollouts_play_one_episode_after_the_other_and_leave_it_open(shared):
    Walk.closed = 0
    played = rollout(shared, RandomPolicy(Walk.action_space, 0), 4, seed=5)
    assert [len(t) for t in played] == [6] * 4
    assert all(len(np.unique(t.observations)) == 6 for t in played)
    assert Walk.closed == 0
    own = rollout(lambda: TimeLimit(Walk(), 6), RandomPolicy(Walk.action_space, 0), 4, seed=5)
    starts = [[float(t.observations[0, 0]) for t in episodes] for episodes in (played, own)]
    assert starts[0] == starts[1]  # the same seeds
    assert Walk.closed == 4
