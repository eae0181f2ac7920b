"""A task that shows images: a bright block walks to the middle of a dark one, 16 × 16 pixels in three colours."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

IMAGE = (16, 16, 3)
MIDDLE = 8


class PixelTask(gymnasium.Env[Any, Any]):
    """The block moves one pixel along each axis where the action is beyond 0.2. Episodes last 15 steps."""

    observation_space = Box(0, 255, IMAGE, np.uint8)
    action_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place, self.steps = self.np_random.integers(2, 14, 2), 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.place = np.clip(self.place + np.sign(action) * (np.abs(action) > 0.2), 1, 14).astype(int)
        self.steps += 1
        return self._observation(), -float(np.abs(self.place - MIDDLE).sum()), False, self.steps >= 15, {}

    def _observation(self) -> Any:
        frame = np.full(IMAGE, 20, np.uint8)
        frame[MIDDLE, MIDDLE, 1] = 255
        row, column = self.place
        frame[row - 1 : row + 2, column - 1 : column + 2, 0] = 255
        return frame


def watched(episodes: int = 6) -> list[dict[str, Any]]:
    """Play an expert, and return one dict of arrays for each episode."""
    made = []
    for seed in range(episodes):
        env = PixelTask()
        frames, actions, ended = [env.reset(seed=seed)[0]], [], False
        while not ended:
            actions.append((0.5 * np.sign(MIDDLE - env.place)).astype(np.float32))
            frame, _, _, ended, _ = env.step(actions[-1])
            frames.append(frame)
        made.append({"observations": np.stack(frames), "actions": np.stack(actions)})
    return made
