"""A task with observations of several parts: a point that walks to a goal, as Gymnasium's goal interface shows it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, Space

NAMES = (
    "achieved_goal[0]",
    "desired_goal[0]",
    "observation/phase[0]",
    "observation/phase[1]",
    "observation/phase[2]",
    "observation/place[0]",
    "observation/place[1]",
)
"""The names of the columns, by Gymnasium's order."""


class GoalTask(gymnasium.Env[Any, Any]):
    """A point moves along a line by its action; the phase counts its steps modulo 3. Episodes last 12 steps."""

    observation_space: Space[Any] = Dict(
        {
            "observation": Dict({"place": Box(-9, 9, (2,), np.float32), "phase": Discrete(3)}),
            "achieved_goal": Box(-9, 9, (1,), np.float32),
            "desired_goal": Box(-9, 9, (1,), np.float32),
        }
    )
    action_space = Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.goal, self.steps = 0.0, float(self.np_random.uniform(1, 2)), 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place += 0.5 * float(np.clip(action, -1, 1)[0])
        self.steps += 1
        return self._observation(), -abs(self.goal - self.place), False, self.steps >= 12, {}

    def _observation(self) -> dict[str, Any]:
        return {
            "observation": {"phase": self.steps % 3, "place": np.array([self.place, self.place**2], np.float32)},
            "desired_goal": np.array([self.goal], np.float32),
            "achieved_goal": np.array([self.place], np.float32),
        }


def recorded(episodes: int = 4) -> list[dict[str, Any]]:
    """Play an expert, and return a list of episodes whose observations are one dict for each step."""
    made = []
    for seed in range(episodes):
        env = GoalTask()
        observation, _ = env.reset(seed=seed)
        rows: dict[str, list[Any]] = {"observations": [observation], "actions": [], "truncations": []}
        while not (rows["truncations"] and rows["truncations"][-1]):
            action = np.clip([env.goal - env.place], -1, 1).astype(np.float32)
            observation, _, _, truncated, _ = env.step(action)
            rows["observations"].append(observation)
            rows["actions"].append(action)
            rows["truncations"].append(truncated)
        made.append(rows)
    return made
