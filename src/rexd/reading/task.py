"""What an environment says of itself that helps to read demonstrations of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rexd.errors import TaskError, import_extra
from rexd.reading.rows.hints import Hints


@dataclass(frozen=True)
class Task:
    """An environment's spaces, and its time limit if it has one."""

    observation_space: Any
    action_space: Any
    max_episode_steps: int | None


def make_task(env: Any) -> Task:
    """What an environment, or the one of a Gymnasium id, says of itself.

    Raises:
        TaskError: It cannot be made, or is none.
        MissingExtraError: An id is given, and Gymnasium is not installed.
    """
    if not isinstance(env, str):
        return _describe(env)
    gymnasium = import_extra("gymnasium", "train")
    try:
        made = gymnasium.make(env)
    except Exception as error:  # an environment may raise anything while it is made
        raise TaskError(
            f"{env}: cannot be made ({type(error).__name__}: {error}); check the id and install what it needs"
        ) from error
    try:
        return _describe(made)
    finally:
        made.close()


def _describe(env: Any) -> Task:
    try:
        spaces = env.observation_space, env.action_space
    except AttributeError as error:
        raise TaskError(
            f"{type(env).__name__} has no observation_space and action_space; expected a Gymnasium environment or id"
        ) from error
    limit = getattr(getattr(env, "spec", None), "max_episode_steps", None)
    return Task(*spaces, limit if isinstance(limit, int) else None)


def make_hints(
    task: Task | None, episode_length: int | None = None, columns: Sequence[int] | slice | None = None
) -> Hints:
    """What helps to read a file: what the user says, and what the environment knows."""
    if task is None:
        return Hints(episode_length=episode_length, columns=columns)
    count = getattr(task.action_space, "n", None)
    return Hints(
        episode_length=episode_length,
        max_episode_steps=task.max_episode_steps,
        columns=columns,
        obs_dim=_columns(task.observation_space),
        act_dim=None if count is not None else _columns(task.action_space),
        n_actions=None if count is None else int(count),
    )


def _columns(space: Any) -> int | None:
    """The columns of a flat space; what other spaces lack is said when the demonstrations are fitted to them."""
    shape = getattr(space, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) and len(shape) == 1 else None
