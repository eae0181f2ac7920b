"""An environment that remembers how its episode came about, so that a resumed run can play it again.

What a simulator holds in the middle of an episode cannot be saved in general. An episode that depends on its actions
and on the environment's own generator alone is the same when it is played again, which is checked.
"""

from __future__ import annotations

import json
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rexd.envs.make import Env
from rexd.envs.one_instance import is_shared
from rexd.errors import RexdError

Saved = dict[str, NDArray[Any]]


class EpisodeMemory(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps the start and the actions of the episode under way."""

    def __init__(self, env: Env) -> None:
        """Wrap an environment that has not been reset."""
        super().__init__(env)
        self._start: Any = None
        self._actions: list[NDArray[Any]] = []
        self._latest: NDArray[Any] = np.zeros(0)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, and forget the one before."""
        self._start = {"seed": seed} if seed is not None else {"generator": generator_of(self.unwrapped)}
        observation, info = self.env.reset(seed=seed, options=options)
        self._actions, self._latest = [], np.array(observation)
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, and remember it."""
        observation, *rest = self.env.step(action)
        self._actions.append(np.array(action))
        self._latest = np.array(observation)
        return observation, *rest

    def remembered(self) -> Saved:
        """Return the episode under way as arrays; nothing for an environment that others use too."""
        if self._start is None or is_shared(self.env):
            return {}
        return {
            "start": as_bytes(self._start),
            "actions": np.array(self._actions),
            "observation": self._latest,
            "generator": as_bytes(generator_of(self.unwrapped)),
        }

    def play_again(self, saved: Saved) -> bool:
        """Play an episode that ``remembered`` returned; return whether it led to where it had led."""
        try:
            start, generator = from_bytes(saved["start"]), from_bytes(saved["generator"])
            if start.get("seed") is None:
                set_generator(self.unwrapped, start["generator"])
            self.reset(seed=start.get("seed"))
            for action in saved["actions"]:
                self.step(action)
        except (KeyError, TypeError, ValueError, AttributeError, RexdError):
            return False
        alike = np.array_equal(self._latest, saved["observation"])
        return alike and generator is not None and generator_of(self.unwrapped) == generator


def generator_of(owner: Any) -> Any:
    """Return the state of the ``np_random`` of an environment or a space as plain JSON types; None if it has none."""
    generator = getattr(owner, "np_random", None)
    if not isinstance(generator, np.random.Generator):
        return None
    state = generator.bit_generator.state
    return state if state["bit_generator"] == "PCG64" else None


def set_generator(owner: Any, state: Any) -> None:
    """Give ``np_random`` a state that ``generator_of`` returned.

    Raises:
        TypeError: It is no state.
        ValueError: It is no state either.
    """
    owner.np_random.bit_generator.state = state


def as_bytes(value: Any) -> NDArray[np.uint8]:
    """Return plain JSON types as an array, as checkpoints hold."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def from_bytes(array: NDArray[Any]) -> Any:
    """Return what ``as_bytes`` was given.

    Raises:
        ValueError: The array holds something else.
    """
    return json.loads(np.asarray(array, np.uint8).tobytes().decode())
