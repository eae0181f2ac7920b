"""The options of ``rexd convert`` that mend demonstrations, and the order in which the mends are done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from rexd.cli import options as opt
from rexd.demos.demonstrations import Demonstrations
from rexd.errors import RexdError
from rexd.inspection.mends import values as mends
from rexd.inspection.mends.order import shift_actions

if TYPE_CHECKING:
    from rexd.reading.environment_facts import EnvironmentFacts

# The value of a mend; without a word, the environment's value is taken.
Words = tuple[str, ...]


@dataclass(frozen=True)
class MendOptions:
    """The mends, in the order in which they are done."""

    drop_columns: Annotated[str | None, tyro.conf.arg(metavar="A,B:C")] = None
    """Observation columns to leave out, such as 3,27:111."""
    time_limit_is_truncation: Annotated[Words | None, tyro.conf.arg(metavar="[N]")] = None
    """Mark trajectories that are terminated after exactly N steps as truncated instead; without N, the time limit of
    --env is taken."""
    drop_last_next_observation: bool = False
    """Mark the last next observation of each trajectory as not known, for files that recorded it after the reset."""
    drop_first_rows: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Leave the first N rows of each trajectory out, such as 1 for files whose first observation is older than the
    reset."""
    shift_actions: Annotated[int | None, tyro.conf.arg(metavar="K")] = None
    """Give each row the action of the row K steps later, or with -1 of the row before. Rows that get no action are
    dropped."""
    trim: bool = False
    """Cut the rows at the start and the end of each trajectory in which nothing changes: padding, and waiting."""
    scale_actions: Annotated[Words | None, tyro.conf.arg(metavar="[F]")] = None
    """Multiply actions by F, or by one factor for each column (2,0.5). Without F, actions are scaled from -1..1 to the
    bounds of --env."""
    clip_actions: Annotated[Words | None, tyro.conf.arg(metavar="[LOW:HIGH]")] = None
    """Clip actions to LOW:HIGH, such as -1:1; without LOW:HIGH, to the bounds of --env."""


def mend(demos: Demonstrations, options: MendOptions, task: EnvironmentFacts | None) -> Demonstrations:
    """Return the demonstrations with the mends that the options ask for.

    Args:
        demos: The demonstrations as they were recorded.
        options: The mends.
        task: The facts of the environment that the user names; None if no environment is named.

    Raises:
        RexdError: A value is not understood or does not fit, or an environment is needed and none is named.
    """
    if options.drop_columns is not None:
        demos = mends.drop_columns(demos, opt.parse_columns(options.drop_columns))
    if options.time_limit_is_truncation is not None:
        demos = mends.time_limit_is_truncation(demos, _limit(options.time_limit_is_truncation, task))
    if options.drop_last_next_observation:
        demos = mends.drop_last_next_observation(demos)
    if options.drop_first_rows is not None:
        demos = mends.drop_first_rows(demos, options.drop_first_rows)
    if options.shift_actions is not None:
        demos = shift_actions(demos, options.shift_actions)
    if options.trim:
        demos = mends.trim(demos)
    if options.scale_actions is not None:
        word = _one("--scale-actions", options.scale_actions)
        if word is None:
            demos = mends.scale_actions_to(demos, *_bounds("--scale-actions", "a factor: --scale-actions 2", task))
        else:
            demos = mends.scale_actions(demos, _numbers("--scale-actions", word, "2, or 2,0.5 for each column"))
    if options.clip_actions is not None:
        word = _one("--clip-actions", options.clip_actions)
        low, high = _bounds("--clip-actions", "--clip-actions -1:1", task) if word is None else parse_bounds(word)
        demos = mends.clip_actions(demos, low, high)
    return demos


def parse_bounds(text: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the bounds of actions, ``-1:1``, or ``-1,-2:1,2`` with one pair of bounds for each column.

    Raises:
        RexdError: The text is neither.
    """
    expected = "-1:1, or -1,-2:1,2 for each column"
    low, colon, high = text.partition(":")
    if not colon:
        raise RexdError(f"--clip-actions {text!r} is not understood; write {expected}")
    return _numbers("--clip-actions", low, expected, text), _numbers("--clip-actions", high, expected, text)


def _numbers(option: str, text: str, expected: str, whole: str | None = None) -> NDArray[np.float64]:
    try:
        found = np.array([float(part) for part in text.split(",")])
    except ValueError as error:
        raise RexdError(f"{option} {whole or text!r} is not understood; write {expected}") from error
    return found[0] if len(found) == 1 else found  # a single number holds for all columns


def _limit(words: Words, task: EnvironmentFacts | None) -> int:
    option, word = "--time-limit-is-truncation", _one("--time-limit-is-truncation", words)
    if word is not None:
        if not re.fullmatch(r"\d{1,12}", word):
            raise RexdError(f"{option} {word!r} is not understood; write a number of steps, such as 1000")
        return int(word)
    if task is None:
        raise RexdError(f"{option} needs a number of steps, or the environment that knows its limit (--env ID)")
    if task.max_episode_steps is None:
        raise RexdError(f"{option}: the environment has no time limit; give the number of steps: {option} 1000")
    return task.max_episode_steps


def _one(option: str, words: Words) -> str | None:
    if len(words) > 1:
        raise RexdError(f"{option} takes one value, found {', '.join(words)}; write it in one word, without spaces")
    return words[0] if words else None


def _bounds(
    option: str, otherwise: str, task: EnvironmentFacts | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if task is None:
        raise RexdError(f"{option} without a value needs the environment and its bounds (--env ID), or {otherwise}")
    space = task.action_space
    if not (hasattr(space, "low") and hasattr(space, "high")):
        raise RexdError(f"{option}: the action space is {space}, which has no bounds; leave it out")
    return np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)
