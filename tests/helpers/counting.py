"""An environment that says in every observation where it is, so that a scored row can be traced."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete


class Counting(gymnasium.Env):
    """Observation: (episode, step). Ends at step ``length``; ``reuse`` writes every observation to one buffer."""

    def __init__(self, length=3, truncates=False, discrete=False, reward=7.0, reuse=True):
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = Discrete(5) if discrete else Box(-1, 1, (1,))
        self.length, self.truncates, self.reward = length, truncates, reward
        self.buffer = np.zeros(2)
        self.reuse = reuse
        self.episode = -1
        self.taken = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode += 1
        self.buffer[:] = self.episode, 0
        return self.observation(), {"secret": self.reward}

    def step(self, action):
        self.taken.append(np.array(action))
        self.buffer[1] += 1
        ended = self.buffer[1] >= self.length
        terminated, truncated = bool(ended and not self.truncates), bool(ended and self.truncates)
        return self.observation(), self.reward, terminated, truncated, {"reward_run": self.reward}

    def observation(self):
        return self.buffer if self.reuse else self.buffer.copy()


class Spy:
    """A reward model that keeps what it was asked; the reward is 10 * episode + step + action / 10.

    With a clock it checks the time that it is told.
    """

    def __init__(self, clock=True):
        self.calls, self.clock = [], clock

    def predict(self, obs, act=None, next_obs=None, step=None):
        if self.clock:
            assert step.tolist() == obs[:, 1].tolist()
        self.calls.append((obs.copy(), act.copy(), next_obs.copy()))
        return (10 * obs[:, 0] + obs[:, 1] + act.reshape(len(obs), -1)[:, 0] / 10).astype(np.float32)

    @property
    def rows(self):
        """Every scored row: ((episode, step), action, (episode, step))."""
        return [
            (tuple(o.tolist()), round(float(np.ravel(a)[0]), 6), tuple(n.tolist()))
            for obs, act, next_obs in self.calls
            for o, a, n in zip(obs, act, next_obs, strict=True)
        ]
