"""One environment that cannot be made again, shared by those who would each have one of their own."""

from __future__ import annotations

import copy
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from rexd.envs.make import Env, environment_name


class OneInstance:
    """Hands out one environment again and again, as a callable that seems to make it.

    Attributes:
        env: The environment; it is never closed.
        user: The ``Turn`` that has reset it last.
    """

    def __init__(self, env: Env) -> None:
        """Take the environment."""
        self.env, self.user = env, None
        self.__name__ = environment_name(env)

    user: Turn | None

    def __call__(self) -> Turn:
        """Return the environment for one more user."""
        return Turn(self)

    def __reduce__(self) -> str:
        """Refuse to be copied to another process, where it would be another environment."""
        raise TypeError(f"{self.__name__} is one environment that cannot be made again")


def is_shared(env: Env) -> bool:
    """Whether an environment, or one that it wraps, is a ``Turn``, so that others of its kind are the same one."""
    while not isinstance(env, Turn):
        if not isinstance(env, gymnasium.Wrapper):
            return False
        env = env.env
    return True


class Turn(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One user of a shared environment; whoever resets it has it until another does.

    An episode that another user interrupted is cut off (truncated): its next step is not carried out, and returns the
    latest observation again. A user that comes back seeds the environment from a generator of its own, since the other
    has left the environment's generator where it always leaves it, and each return would else see the same episodes.
    """

    def __init__(self, shared: OneInstance) -> None:
        """Take the environment, which the first ``reset`` begins to use."""
        super().__init__(shared.env)
        self._shared = shared
        self._random = np.random.default_rng(0)
        self._latest: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, which ends that of any other user."""
        if seed is not None:
            self._random = np.random.default_rng(seed)
        elif self._shared.user is not self:
            seed = int(self._random.integers(2**31))
        self._shared.user = self
        observation, info = self.env.reset(seed=seed, options=options)
        self._latest = copy.deepcopy(observation)  # the environment may write to its own
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, or end the episode that another user has interrupted."""
        if self._shared.user is not self:
            return self._latest, 0.0, False, True, {}
        observation, *rest = self.env.step(action)
        self._latest = copy.deepcopy(observation)
        return observation, *rest

    def close(self) -> None:
        """Leave the environment open, which belongs to whoever made it."""
