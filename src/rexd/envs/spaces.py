"""The supported observation and action spaces, and the clipping of actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space
from numpy.typing import NDArray

from rexd.errors import SpaceMismatchError
from rexd.flattening import Flattening, flattening_of, is_image


def check_spaces(
    observation: Space[Any], action: Space[Any], name: str = "the environment", *, images: bool = False
) -> None:
    """Check that observations are vectors or images, and that actions are vectors, or one or several integers from 0.

    Args:
        observation: The observation space of one environment.
        action: Its action space.
        name: The name of the environment in messages.
        images: Whether observations may be images, (height, width, channels) of bytes.

    Raises:
        SpaceMismatchError: A space is not supported.
    """
    if not isinstance(observation, Box):
        raise SpaceMismatchError(
            f"{name} has observations of {observation}; expected a Box with one dimension. Dictionaries and tuples "
            "can be flattened with gymnasium.wrappers.FlattenObservation"
        )
    if len(observation.shape) != 1 and not (images and is_image(observation) and len(observation.shape) == 3):
        expected = "one dimension, or images (uint8) of shape (height, width, channels)" if images else "one dimension"
        raise SpaceMismatchError(
            f"{name} has observations of shape {observation.shape}; expected {expected}. "
            "Other arrays can be flattened with gymnasium.wrappers.FlattenObservation"
        )
    check_actions(action, name)


def check_rewarded(observation: Space[Any], action: Space[Any]) -> Flattening:
    """Check the spaces of an environment that a reward model pays.

    Observations may have several parts, which the environment keeps and the model is given as columns.

    Args:
        observation: The observation space of one environment.
        action: Its action space.

    Returns:
        How observations become columns.

    Raises:
        SpaceMismatchError: A space is not supported.
    """
    if isinstance(observation, Box):
        check_spaces(observation, action, images=True)
        return Flattening((), plain=True)
    check_actions(action)
    return flattening_of(observation, "the environment")


def check_actions(action: Space[Any], name: str = "the environment") -> None:
    """Check that actions are vectors, or one or several integers from 0.

    Raises:
        SpaceMismatchError: They are something else.
    """
    if isinstance(action, Box):
        if len(action.shape) != 1 or not np.issubdtype(action.dtype, np.floating):
            raise SpaceMismatchError(
                f"{name} has actions of shape {action.shape} and dtype {action.dtype}; "
                "expected floating point with one dimension"
            )
    elif isinstance(action, Discrete):
        if action.start != 0:
            raise SpaceMismatchError(f"{name} has discrete actions that start at {action.start}; expected 0")
    elif isinstance(action, MultiDiscrete | MultiBinary):
        if len(action.shape) != 1 or np.any(getattr(action, "start", 0)):
            raise SpaceMismatchError(f"{name} has actions of {action}; expected one dimension, and numbers from 0")
    else:
        raise SpaceMismatchError(
            f"{name} has actions of {action}; expected a Box with one dimension, a Discrete, a MultiDiscrete or a "
            "MultiBinary"
        )


def clip_actions(space: Space[Any], actions: NDArray[Any]) -> NDArray[Any]:
    """Return the actions as the environment carries them out: a new array within the bounds of a Box.

    MuJoCo clips controls to their range without a warning. A reward that was given the actions before the clipping
    would score something that never happened.

    Args:
        space: The action space of one environment.
        actions: (n, A) for a Box, (n,) integers for a Discrete space, or (n, k) for several choices.

    Returns:
        (n, A) in the dtype of the space, or int64 of the same shape as the integers.
    """
    if isinstance(space, Box):
        clipped: NDArray[Any] = np.clip(actions, space.low, space.high).astype(space.dtype)
        return clipped
    return np.array(actions, dtype=np.int64)
