"""Environments whose observations have several parts, or are choices, as environments with a flat Box."""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.spaces import Box, Space
from gymnasium.wrappers import FlattenObservation

from rexd.flattening import flattening_of


class FlatBox(Box):
    """A flat Box that remembers the space that it was made of, so that ``Flattening.of`` finds its columns' names.

    Attributes:
        original: That space.
    """

    def __init__(self, flat: Box, original: Space[Any]) -> None:
        """Take the bounds of the flat Box, and the space."""
        super().__init__(flat.low, flat.high, dtype=flat.dtype)
        self.original = original


def flattened(env: gymnasium.Env[Any, Any], name: str) -> gymnasium.Env[Any, Any]:
    """Wrap an environment so that its observations are flat, by Gymnasium's rules; one with a Box is left as it is.

    Args:
        env: The environment.
        name: Its name, for messages.

    Raises:
        SpaceMismatchError: Parts of its observations have no columns.
    """
    space = env.observation_space
    if isinstance(space, Box):
        return env
    flattening_of(space, name)
    wrapped = FlattenObservation(env)
    flat = wrapped.observation_space
    assert isinstance(flat, Box)
    wrapped.observation_space = FlatBox(flat, space)
    return wrapped
