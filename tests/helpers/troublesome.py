"""Environments that have no time limit, or that do something wrong at a step that the test chooses."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

from rexd.demos import Demonstrations, Trajectory

ENDLESS, FAULTY = "RexdEndless-v0", "RexdFaulty-v0"


class Endless(gymnasium.Env):
    """Two numbers that drift by the action; no episode ends by itself."""

    def __init__(self, discrete=False, bound=1.0, render_mode=None):
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = Discrete(3) if discrete else Box(-bound, bound, (1,), np.float32)
        self.render_mode = render_mode
        self.steps = 0  # of all episodes

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=2)
        return self.state.copy(), {}

    def step(self, action):
        self.steps += 1
        self.state = 0.9 * self.state + 0.1 * np.mean(action)
        return self.state.copy(), 1.0, False, False, {}


class Faulty(Endless):
    """What goes wrong, and at which step of all episodes; ``at=0`` means the reset."""

    def __init__(self, fault="raises", at=30, **kwargs):
        super().__init__(**kwargs)
        self.fault, self.at = fault, at

    def reset(self, *, seed=None, options=None):
        if self.fault == "options":
            self.goal = options["goal"]
        observation, info = super().reset(seed=seed)
        if self.at == 0:
            return self.spoil(observation), info
        return observation, info

    def step(self, action):
        observation, reward, *rest = super().step(action)
        if self.steps != self.at:
            return observation, reward, *rest
        if self.fault == "reward":
            return observation, float("nan"), *rest
        if self.fault == "four":
            return observation, reward, False, {}
        return self.spoil(observation), reward, *rest

    def spoil(self, observation):
        if self.fault == "raises":
            raise ZeroDivisionError("the motor is off")
        if self.fault == "nan":
            observation[1] = np.nan
        elif self.fault == "shape":
            return observation[:, None]
        elif self.fault == "object":
            return {"position": observation}
        elif self.fault == "ragged":
            return [[1.0], [2.0, 3.0]]
        return observation


def register():
    for name, entry in ((ENDLESS, Endless), (FAULTY, Faulty)):
        if name not in gymnasium.registry:
            # without Gymnasium's checker, which warns of some of these faults before rexd sees them
            gymnasium.register(name, entry_point=entry, disable_env_checker=True)


register()


def shown(trajectories=4, steps=10) -> Demonstrations:
    """Demonstrations of one push in each state."""
    random, made = np.random.default_rng(0), []
    for _ in range(trajectories):
        observations = random.normal(size=(steps + 1, 2))
        made.append(Trajectory.from_steps(observations, np.tanh(observations[:-1, :1]).astype(np.float32)))
    return Demonstrations(tuple(made))
