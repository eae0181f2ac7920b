"""Keeping the environment's own reward away from the learner, and on record for evaluation."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium


class HiddenReward(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Return a reward of 0 and report the true return at the end of an episode only.

    Put it right around the environment, inside every other wrapper. The environment's info is dropped as a whole:
    MuJoCo tasks repeat their reward there, term by term. What is left is, on the step that ends an episode,
    ``info["true_episode"] = {"r": return, "l": steps}``, for evaluation and never for learning.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        """Wrap ``env``."""
        super().__init__(env)
        self._return, self._length = 0.0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; the info is empty."""
        self._return, self._length = 0.0, 0
        observation, _ = self.env.reset(seed=seed, options=options)
        return observation, {}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step with reward 0; the info is empty but on the last step."""
        observation, reward, terminated, truncated, _ = self.env.step(action)
        self._return += float(reward)
        self._length += 1
        info: dict[str, Any] = {}
        if terminated or truncated:
            info["true_episode"] = {"r": self._return, "l": self._length}
        return observation, 0.0, terminated, truncated, info
