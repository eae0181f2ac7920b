"""A small task for learners: push a point to zero. Observations are far from unit scale, bounds are not symmetric."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.vec_env import DummyVecEnv

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.rl.wrappers.scaling import ObservationScale
from rexd.rl.wrappers.training_env import StandardisedVecEnv

LOW, HIGH = np.array([-2.0, -0.5], np.float32), np.array([2.0, 1.5], np.float32)
OFFSET, WIDTH = np.array([100.0, -7.0]), np.array([30.0, 0.2])


class PointMass(gymnasium.Env):
    """Observation: OFFSET + WIDTH * position. Ends after 10 steps by truncation, or at distance 3."""

    def __init__(self, discrete=False, choices=None):
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = choices or (Discrete(3) if discrete else Box(LOW, HIGH))
        self.discrete = discrete

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position, self.step_number = self.np_random.normal(size=2), 0
        return OFFSET + WIDTH * self.position, {}

    def step(self, action):
        push = (int(action) - 1.0) * np.ones(2) if self.discrete else np.asarray(action, np.float64)
        self.position = self.position + 0.3 * push
        self.step_number += 1
        lost = bool(np.abs(self.position).max() > 3.0)
        reward = float(np.exp(-np.sum(self.position**2)))
        return OFFSET + WIDTH * self.position, reward, lost, self.step_number >= 10 and not lost, {}


def expert(position):
    return np.clip(-position, LOW, HIGH).astype(np.float32)


def discrete_expert(position):
    return 1 - np.sign(np.where(np.abs(position[:, 0]) < 0.3, 0, position[:, 0])).astype(np.int64)


def choosing_expert(position):
    """Which way to push along each axis: MultiDiscrete([3, 2])."""
    return np.stack([discrete_expert(position), position[:, 1] < 0.0], axis=1).astype(np.int64)


def demonstrate(trajectories=4, steps=50, seed=0, act=expert):
    """The expert's actions at positions drawn at random."""
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=(steps + 1, 2)) for _ in range(trajectories)]
    return Demonstrations(tuple(Trajectory.from_steps(OFFSET + WIDTH * p, act(p[:-1])) for p in drawn))


SCALE = ObservationScale(OFFSET.astype(np.float32), WIDTH.astype(np.float32))


def vec_env(discrete=False, n=1, choices=None):
    return StandardisedVecEnv(DummyVecEnv([lambda: PointMass(discrete, choices)] * n), SCALE)


def raw_observations(n=50, seed=3):
    return OFFSET + WIDTH * np.random.default_rng(seed).normal(size=(n, 2))
