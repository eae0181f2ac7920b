import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from rexd.errors import SpaceMismatchError
from rexd.evaluation.policies import ConstantPolicy, RandomPolicy, ZeroPolicy
from rexd.evaluation.rollouts import episode_seed, rollout


class Wander(gymnasium.Env):
    """A random walk whose length comes from the seed; longer than any preallocated record if asked."""

    def __init__(self, discrete=False, longest=12):
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float64)
        self.action_space = Discrete(4) if discrete else Box(-1, 1, (2,))
        self.buffer = np.zeros(3)
        self.longest = longest
        self.closed = False

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.buffer[:] = self.np_random.normal(size=3)
        self.left = int(self.np_random.integers(1, self.longest))
        self.truncates = bool(self.np_random.integers(2))
        return self.buffer, {}

    def step(self, action):
        self.left -= 1
        reward = float(np.sum(action) + self.buffer[0])
        self.buffer += self.np_random.normal(size=3) + np.sum(action)
        action *= 0  # an environment may spoil what it is given
        ended = self.left == 0
        return self.buffer, reward, ended and not self.truncates, ended and self.truncates, {}

    def close(self):
        self.closed = True


class Network:
    """A policy whose matrix products might round by the number of rows."""

    def __init__(self):
        self.layers = [torch.nn.Linear(3, 256), torch.nn.Tanh(), torch.nn.Linear(256, 2)]

    @torch.no_grad()
    def predict(self, observation, deterministic=True):
        return torch.nn.Sequential(*self.layers)(torch.as_tensor(observation, dtype=torch.float32)).numpy(), None


class Linear:
    def __init__(self):
        self.batches = []

    def predict(self, observation, deterministic=True):
        self.batches.append(observation.shape)
        return 2 * observation[:, :2], None


def fields(t):
    return (t.observations, t.actions, t.next_observations, t.terminated, t.truncated, t.next_known, t.rewards)


@pytest.mark.parametrize("lockstep", [2, 3, 7, 50])
def test_lockstep_does_not_change_the_episodes(lockstep):
    alone = rollout(Wander, Linear(), 9, seed=3, lockstep=1)
    together = rollout(Wander, Linear(), 9, seed=3, lockstep=lockstep)
    assert len({len(t) for t in alone}) > 3
    assert len({t.terminated[-1] for t in alone}) == 2
    for a, b in zip(alone, together, strict=True):
        for x, y in zip(fields(a), fields(b), strict=True):
            np.testing.assert_array_equal(x, y)


def test_the_number_of_episodes_does_not_change_the_first():
    policy = Network()
    (alone,) = rollout(Wander, policy, 1, seed=3)
    first, *_ = rollout(Wander, policy, 12, seed=3)
    np.testing.assert_array_equal(alone.actions, first.actions)


def test_a_trajectory_is_what_happened():
    (t,) = rollout(Wander, Linear(), 1, seed=5)
    env = Wander()
    obs, _ = env.reset(seed=episode_seed(5, 0))
    assert t.observations.dtype == np.float64
    assert t.actions.dtype == np.float32
    assert t.next_known.all()
    for k in range(len(t)):
        np.testing.assert_array_equal(t.observations[k], obs)
        action = np.clip(2 * obs[:2], -1, 1).astype(np.float32)
        np.testing.assert_array_equal(t.actions[k], action)
        obs, reward, terminated, truncated, _ = env.step(action.copy())
        np.testing.assert_array_equal(t.next_observations[k], obs)
        assert (t.terminated[k], t.truncated[k]) == (terminated, truncated)
        assert t.rewards[k] == reward
    assert terminated or truncated


def test_episodes_differ_and_follow_the_seed():
    first, second = rollout(Wander, Linear(), 2, seed=0)
    assert not np.array_equal(first.observations[0], second.observations[0])
    (again,) = rollout(Wander, Linear(), 1, seed=0)
    np.testing.assert_array_equal(first.observations, again.observations)


def test_the_policy_always_sees_one_shape_and_environments_are_closed():
    made, policy = [], Linear()

    def make():
        made.append(Wander())
        return made[-1]

    rollout(make, policy, 5, seed=0, lockstep=3)
    assert set(policy.batches) == {(3, 3)}
    assert len(made) == 3
    assert all(env.closed for env in made)


def test_the_records_grow():
    trajectories = rollout(lambda: Wander(longest=5000), ZeroPolicy(Box(-1, 1, (2,))), 4, seed=1, lockstep=2)
    assert max(len(t) for t in trajectories) > 2000
    for t in trajectories:
        np.testing.assert_array_equal(t.observations[1:], t.next_observations[:-1])
        assert np.abs(t.observations[-1]).sum() > 0


def test_on_episode_is_told_of_each():
    told = {}
    trajectories = rollout(Wander, Linear(), 6, seed=2, lockstep=4, on_episode=told.__setitem__)
    assert sorted(told) == list(range(6))
    assert all(told[i] is t for i, t in enumerate(trajectories))


def test_discrete_actions():
    space = Discrete(4)
    (t,) = rollout(lambda: Wander(discrete=True), RandomPolicy(space, seed=0), 1, seed=2)
    assert t.actions.dtype == np.int64
    assert t.actions.shape == (len(t),)


def test_wrong_action_shapes_are_named():
    with pytest.raises(SpaceMismatchError, match=r"\(10, 3\).*\(10, 2\)"):
        rollout(Wander, ConstantPolicy(np.zeros(3)), 1, seed=0)


@pytest.mark.parametrize("wrong", [{"episodes": 0}, {"episodes": 1, "lockstep": 0}])
def test_counts_must_be_positive(wrong):
    with pytest.raises(ValueError, match="1 or more"):
        rollout(Wander, Linear(), seed=0, **wrong)
