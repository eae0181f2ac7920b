"""The facts about an environment that help to read demonstrations of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rexd.errors import DemonstrationError, TaskError, import_extra
from rexd.flattening import Flattening
from rexd.reading.rows.hints import Hints


@dataclass(frozen=True)
class EnvironmentFacts:
    """An environment's spaces and its time limit.

    Attributes:
        observation_space: The observation space.
        action_space: The action space.
        max_episode_steps: The time limit, or None if there is none.
    """

    observation_space: Any
    action_space: Any
    max_episode_steps: int | None


def environment_facts(env: Any) -> EnvironmentFacts:
    """Return the facts about an environment, or about the environment that has a Gymnasium id.

    Raises:
        TaskError: The environment cannot be made, or the object is not an environment.
        MissingExtraError: An id is given, and Gymnasium or a package that the environment needs is not installed.
        SpaceMismatchError: An id is given, and the environment has spaces that rexd does not support.
    """
    if not isinstance(env, str):
        return _facts_of(env)
    import_extra("gymnasium", "train")
    from rexd.envs.make import make_environment

    made = make_environment(env)
    try:
        return _facts_of(made)
    finally:
        made.close()


def _facts_of(env: Any) -> EnvironmentFacts:
    try:
        spaces = env.observation_space, env.action_space
    except AttributeError as error:
        raise TaskError(
            f"{type(env).__name__} has no observation_space and action_space; expected a Gymnasium environment or id"
        ) from error
    limit = getattr(getattr(env, "spec", None), "max_episode_steps", None)
    return EnvironmentFacts(*spaces, limit if isinstance(limit, int) else None)


def make_hints(
    facts: EnvironmentFacts | None,
    episode_length: int | None = None,
    columns: Sequence[int] | slice | None = None,
    lengths: Sequence[int] | str | None = None,
) -> Hints:
    """Combine what the user says with the facts about the environment.

    Raises:
        DemonstrationError: The user gives one length for all trajectories, and the length of each.
    """
    if episode_length is not None and lengths is not None:
        raise DemonstrationError(
            "episode_length and lengths (--episode-length, --lengths) exclude each other; give the one or the other"
        )
    if facts is None:
        return Hints(episode_length=episode_length, lengths=lengths, columns=columns)
    flattening = Flattening.of(facts.observation_space)
    space = facts.action_space  # several choices are columns here; ``fit_to_spaces`` makes them integers
    count = getattr(space, "n", None) if getattr(space, "shape", ()) == () else None
    return Hints(
        episode_length=episode_length,
        lengths=lengths,
        max_episode_steps=facts.max_episode_steps,
        columns=columns,
        obs_dim=_columns(facts.observation_space) if flattening.plain else flattening.width,
        flattening=None if flattening.plain or flattening.left_out else flattening,
        act_dim=None if count is not None else _columns(facts.action_space),
        n_actions=None if count is None else int(count),
    )


def _columns(space: Any) -> int | None:
    """Return the columns of a flat space, or None; ``fit_to_spaces`` explains later what is wrong with other spaces."""
    shape = getattr(space, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) and len(shape) == 1 else None
