"""A task that is small enough to be played in a test, with demonstrations and a policy for it."""

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box

from rexd.demos import Demonstrations, Trajectory
from rexd.rl.policies.policy import Policy, PolicySpec

ENV = "RexdCliLine-v0"
STEPS = 12


class Line(gymnasium.Env):
    """A point on a line, pushed by the actions. The reward is the first action; rendered frames are grey."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 60}  # noqa: RUF012

    def __init__(self, render_mode=None, columns=3, fails=False):
        self.observation_space = Box(-np.inf, np.inf, (columns,), np.float32)
        self.action_space = Box(-1, 1, (2,), np.float32)
        self.render_mode, self.columns, self.fails = render_mode, columns, fails

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=self.columns).astype(np.float32)
        return self.state.copy(), {}

    def step(self, action):
        self.state[0] += np.float32(action.sum())
        return self.state.copy(), float(action[0]), False, False, {}

    def render(self):
        if self.fails:
            raise RuntimeError("no OpenGL library")
        return np.full((32, 48, 3), 128, np.uint8)


if ENV not in gymnasium.registry:
    gymnasium.register(ENV, entry_point=Line, max_episode_steps=STEPS)


def make_demonstrations(count=4, steps=40, columns=3, scale=1.0, rewards=True) -> Demonstrations:
    random = np.random.default_rng(0)
    trajectories = []
    for _ in range(count):
        observations = random.normal(size=(steps + 1, columns)).astype(np.float32)
        observations[:, -1] = 5.0
        actions = scale * np.tanh(observations[:-1, :2]).astype(np.float32)
        paid = actions[:, 0].astype(float) if rewards else None
        trajectories.append(Trajectory.from_steps(observations, actions, rewards=paid))
    return Demonstrations(tuple(trajectories), env_id=ENV)


def make_policy(columns=3) -> Policy:
    """A policy whose actions are tanh of the first two columns."""
    weight = torch.zeros(2, columns)
    weight[0, 0] = weight[1, 1] = 1.0
    log_std = (torch.zeros(2, 0), torch.full((2,), -1.0))
    return Policy(
        PolicySpec("squashed-gaussian", "relu", (-1.0, -1.0), (1.0, 1.0)), [(weight, torch.zeros(2))], log_std
    )
