"""The check that demonstrations fit an environment's spaces, with advice where they do not.

Spaces are recognised by their attributes, which those of Gymnasium and Minari share, so that neither is imported here.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import SpaceMismatchError

_MENDS = {
    (111, 105): (
        "Ant-v2 files hold 27 columns of state and 84 of contact forces, Ant-v5 has the same 27 and 78 of other "
        "bodies, so that its 105 columns are not a prefix of the file's 111. Use Ant-v4, or Ant-v5 with "
        "include_cfrc_ext_in_observation=False, and keep columns 0:27 (--columns 0:27)"
    ),
    (27, 105): (
        "Ant-v5 adds 78 columns of contact forces to the file's 27. Use Ant-v4, or Ant-v5 with "
        "include_cfrc_ext_in_observation=False (--env-kwargs include_cfrc_ext_in_observation=false)"
    ),
    (11, 10): "Reacher-v5 leaves out the last column of Reacher-v2; keep columns 0:10 (--columns 0:10)",
}


def fit_to_spaces(demos: Demonstrations, observation_space: Any, action_space: Any) -> Demonstrations:
    """Check demonstrations against an environment's spaces, and clip continuous actions to its bounds.

    Args:
        demos: The demonstrations.
        observation_space: A Box with one dimension.
        action_space: A Box with one dimension, or a Discrete that starts at 0.

    Returns:
        The demonstrations with clipped actions, or with ``n_actions`` set to the size of the Discrete space.

    Raises:
        SpaceMismatchError: The numbers of columns or actions differ, or a space is of another kind.
    """
    columns = box_columns(observation_space, "observation", demos.source)
    if columns != demos.obs_dim:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have {demos.obs_dim} observation columns, the environment has "
            f"{columns}; {_mend(demos.obs_dim, columns)}"
        )
    count = discrete_count(action_space, demos.source)
    if count is not None:
        return _fit_discrete(demos, count)
    width = box_columns(action_space, "action", demos.source)
    if demos.n_actions is not None:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have discrete actions ({demos.n_actions}), the environment expects "
            f"{width} continuous columns; use the environment that they were recorded in"
        )
    if width != demos.act_dim:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have {demos.act_dim} action columns, the environment has {width}; "
            "use the environment that they were recorded in"
        )
    return demos.clip_actions(np.asarray(action_space.low), np.asarray(action_space.high))


def box_columns(space: Any, what: str, source: str) -> int:
    """Return the number of columns of a one-dimensional Box.

    Args:
        space: The space.
        what: "observation" or "action", for messages.
        source: What the space belongs to, for messages.

    Raises:
        SpaceMismatchError: The space is of another kind; the message says what to do about it.
    """
    if hasattr(space, "spaces"):
        inner = space.spaces
        names = ", ".join(map(str, inner)) if isinstance(inner, dict) else f"{len(inner)} parts"
        raise SpaceMismatchError(
            f"{source}: the {what} space is made of several spaces ({names}); expected one flat Box. Wrap the "
            "environment with gymnasium.wrappers.FlattenObservation and record with it"
        )
    shape = getattr(space, "shape", None)
    if not (hasattr(space, "low") and hasattr(space, "high")) or shape is None:
        raise SpaceMismatchError(f"{source}: the {what} space is {_describe(space)}; expected a flat Box")
    if len(shape) >= 2:
        raise SpaceMismatchError(
            f"{source}: the {what} space has shape {tuple(shape)}; expected one dimension. Images are not supported "
            "yet: use the state-based variant of the environment, or a wrapper that gives features"
        )
    if len(shape) == 0:
        raise SpaceMismatchError(f"{source}: the {what} space is a single number; expected a Box of shape (columns,)")
    return int(shape[0])


def discrete_count(space: Any, source: str) -> int | None:
    """Return the size of a Discrete space, or None for a space of another kind.

    Raises:
        SpaceMismatchError: The actions do not start at 0.
    """
    if not hasattr(space, "n") or getattr(space, "shape", ()) != ():
        return None
    start = int(getattr(space, "start", 0))
    if start != 0:
        raise SpaceMismatchError(
            f"{source}: the discrete actions of the space start at {start}; expected 0. Wrap the environment so that "
            "its actions start at 0"
        )
    return int(space.n)


def _fit_discrete(demos: Demonstrations, count: int) -> Demonstrations:
    if demos.n_actions is None:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have {demos.act_dim} continuous action columns, the environment "
            f"expects one of {count} discrete actions; use the environment that they were recorded in"
        )
    largest = max(int(t.actions.max()) for t in chain(demos.trajectories, demos.unused))
    if largest >= count:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations use action {largest}, the environment has actions 0 to {count - 1}; "
            "use the environment that they were recorded in"
        )
    return replace(demos, n_actions=count)


def _mend(found: int, expected: int) -> str:
    if (found, expected) in _MENDS:
        return _MENDS[found, expected]
    if found > expected:
        return (
            f"if the environment's observation is the first {expected} of these columns (in an Ant-v2 file, the first "
            f"27), keep columns 0:{expected} (--columns 0:{expected})"
        )
    return "use the version of the environment that they were recorded in, or record it with the same columns"


def _describe(space: Any) -> str:
    return f"{space}"[:100]
