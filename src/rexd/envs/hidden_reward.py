"""Wrappers that keep the environment's own reward away from the learner and record it for evaluation."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium

from rexd.envs.make import Env


class RecordedReturn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that reports the true return of an episode: ``info["true_episode"] = {"r": return, "l": steps}``.

    The last step of an episode has this info; every other info is empty. The environment's own info is dropped, since
    MuJoCo tasks repeat their reward in it, term by term.
    """

    def __init__(self, env: Env) -> None:
        """Wrap ``env``."""
        super().__init__(env)
        self._return, self._length = 0.0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, with an empty info."""
        self._return, self._length = 0.0, 0
        observation, _ = self.env.reset(seed=seed, options=options)
        return observation, {}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step; only that of the last step of an episode has an info."""
        observation, reward, terminated, truncated, _ = self.env.step(action)
        self._return += float(reward)
        self._length += 1
        info: dict[str, Any] = {}
        if terminated or truncated:
            info["true_episode"] = {"r": self._return, "l": self._length}
        return observation, reward, terminated, truncated, info


class HiddenReward(RecordedReturn):
    """A wrapper that records the true return and gives a reward of 0 instead of the environment's.

    It belongs directly around the environment, inside every other wrapper. The return that it reports is for evaluation
    and never for learning.
    """

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, whose reward is 0."""
        observation, _, terminated, truncated, info = super().step(action)
        return observation, 0.0, terminated, truncated, info
