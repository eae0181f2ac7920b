"""Keeping the environment's own reward away from the learner, and on record for evaluation."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium


class RecordedReturn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Report the true return at the end of an episode: ``info["true_episode"] = {"r": return, "l": steps}``.

    The environment's info is dropped as a whole: MuJoCo tasks repeat their reward there, term by term.
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
        """Step; the info is empty but on the last step."""
        observation, reward, terminated, truncated, _ = self.env.step(action)
        self._return += float(reward)
        self._length += 1
        info: dict[str, Any] = {}
        if terminated or truncated:
            info["true_episode"] = {"r": self._return, "l": self._length}
        return observation, reward, terminated, truncated, info


class HiddenReward(RecordedReturn):
    """Record the true return, and return a reward of 0 whatever the environment pays.

    Put it right around the environment, inside every other wrapper: what it reports at the end of an episode is for
    evaluation and never for learning.
    """

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step with reward 0."""
        observation, _, terminated, truncated, info = super().step(action)
        return observation, 0.0, terminated, truncated, info
