"""The check that demonstrations fit an environment's spaces, with advice where they do not.

Spaces are recognised by their attributes, which those of Gymnasium and Minari share, so that neither is imported here.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from rexd.demos.choices import ActionCount, describe, factors_of
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import mapped
from rexd.demos.trajectory import Trajectory
from rexd.errors import SpaceMismatchError
from rexd.flattening import flattening_of, is_image

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
        observation_space: A Box with one dimension or of images, or a space that is flattened to one.
        action_space: A Box with one dimension, or a Discrete, MultiDiscrete or MultiBinary that starts at 0.

    Returns:
        The demonstrations with clipped actions, or with ``n_actions`` set to the size of the discrete space. Columns
        have the names and the order that the space gives them. Those without
            actions keep none.

    Raises:
        SpaceMismatchError: The numbers of columns or actions differ, or a space is of another kind.
    """
    if demos.image and is_image(observation_space):
        return _fit_actions(_check_images(demos, tuple(observation_space.shape)), action_space)
    flattening = flattening_of(observation_space, demos.source)
    columns = box_columns(observation_space, "observation", demos.source) if flattening.plain else flattening.width
    demos = _with_names(demos, flattening.names)
    if columns != demos.obs_dim:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have {demos.obs_dim} observation columns, the environment has "
            f"{columns}; {_mend(demos.obs_dim, columns)}"
        )
    return _fit_actions(demos, action_space)


def _check_images(demos: Demonstrations, shape: tuple[int, ...]) -> Demonstrations:
    if demos.image != shape:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have images of shape {demos.image}, the environment has {shape}; use "
            "the wrappers that they were recorded with"
        )
    return demos


def _fit_actions(demos: Demonstrations, action_space: Any) -> Demonstrations:
    count = action_count(action_space, demos.source)
    if not demos.has_actions:
        return demos
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


def _with_names(demos: Demonstrations, names: tuple[str, ...]) -> Demonstrations:
    """Give columns the names of the environment, and its order where they have other names for the same columns."""
    own = demos.column_names
    if not names or own == names or (not own and demos.obs_dim != len(names)):
        return demos
    if not own:
        return replace(demos, column_names=names)
    if sorted(own) == sorted(names):
        notes = (*demos.notes, "put the observation columns in the order of the environment's observation space")
        return replace(demos.select_columns([own.index(name) for name in names]), notes=notes)
    missing, other = (", ".join(n for n in a if n not in b)[:200] for a, b in ((names, own), (own, names)))
    raise SpaceMismatchError(
        f"{demos.source}: the demonstrations have other observation columns than the environment; they lack "
        f"{missing or 'nothing'}, and have {other or 'nothing'} beside. Load them with the environment (--env), which "
        "encodes discrete parts, or use the environment that they were recorded in"
    )


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
            "here: give them as bytes (uint8) in an npz or in memory, or use the state-based variant of the environment"
        )
    if len(shape) == 0:
        raise SpaceMismatchError(f"{source}: the {what} space is a single number; expected a Box of shape (columns,)")
    return int(shape[0])


def action_count(space: Any, source: str) -> ActionCount | None:
    """Return the number of options of a Discrete, MultiDiscrete or MultiBinary space; None for another kind of space.

    Raises:
        SpaceMismatchError: The actions do not start at 0, or have more than one dimension.
    """
    shape: tuple[int, ...] = getattr(space, "shape", ())
    if hasattr(space, "nvec") or (hasattr(space, "n") and shape != ()):
        if len(shape) != 1:
            raise SpaceMismatchError(f"{source}: the action space is {_describe(space)}; expected one dimension")
        count: ActionCount = tuple(int(n) for n in space.nvec) if hasattr(space, "nvec") else (2,) * int(shape[0])
    elif hasattr(space, "n"):
        count = int(space.n)
    else:
        return None
    if np.any(start := getattr(space, "start", 0)):
        raise SpaceMismatchError(
            f"{source}: the discrete actions of the space start at {start}; expected 0. Wrap the environment so that "
            "its actions start at 0"
        )
    return count


def _fit_discrete(demos: Demonstrations, count: ActionCount) -> Demonstrations:
    choices = factors_of(count)
    expects = f"one of {describe(count)}" if isinstance(count, int) else describe(count)
    if not isinstance(count, int):
        demos = _as_choices(demos, len(choices))
    if demos.n_actions is None:
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have {demos.act_dim} continuous action columns, the environment "
            f"expects {expects}; use the environment that they were recorded in"
        )
    found = factors_of(demos.n_actions)
    if isinstance(demos.n_actions, int) is not isinstance(count, int) or len(found) != len(choices):
        raise SpaceMismatchError(
            f"{demos.source}: the demonstrations have {len(found)} discrete choices, the environment expects "
            f"{expects}; use the environment that they were recorded in"
        )
    largest = np.max([np.atleast_1d(t.actions.max(axis=0)) for t in chain(demos.trajectories, demos.unused)], axis=0)
    for used, options in zip(largest.tolist(), choices, strict=True):
        if used >= options:
            raise SpaceMismatchError(
                f"{demos.source}: the demonstrations use action {used}, the environment has actions 0 to "
                f"{options - 1}; use the environment that they were recorded in"
            )
    return replace(demos, n_actions=count)


def _as_choices(demos: Demonstrations, choices: int) -> Demonstrations:
    """Return demonstrations with integers where their actions are columns of whole numbers, as many as ``choices``."""
    parts = (demos.trajectories, demos.unused)
    if demos.n_actions is not None or demos.act_dim != choices:
        return demos
    if not all((t.actions == np.round(t.actions)).all() and (t.actions >= 0).all() for t in chain(*parts)):
        return demos

    def whole(_: int, t: Trajectory) -> Trajectory:
        return replace(t, actions=t.actions.astype(np.int64))

    trajectories, unused = (mapped(part, whole) for part in parts)
    return replace(demos, trajectories=trajectories, unused=unused, action_bounds=None)


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
