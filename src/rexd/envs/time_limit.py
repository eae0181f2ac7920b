"""The time limit of an environment: the one it has, or the one that rexd puts around an environment without one.

An episode that nothing ends would be played for ever. Where no limit is known, an episode is therefore cut off after
twice the length of the longest demonstration. It is truncated then, and never terminated.
"""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
from gymnasium.wrappers import TimeLimit

from rexd.envs.make import Env, environment_name
from rexd.errors import TaskError

TIMES_THE_LONGEST = 2
"""An episode without a limit is cut off after this many times the steps of the longest demonstration."""


@dataclass(frozen=True)
class Limit:
    """The limit that rexd puts around an environment.

    Attributes:
        steps: The number of steps after which an episode is cut off; None leaves it to the environment's own limit.
        note: What the user should be told about it; None where there is nothing to say.
    """

    steps: int | None
    note: str | None = None


def known_limit(env: Env) -> int | None:
    """Return the number of steps after which an environment's own limit ends an episode; None if it has none.

    It is that of its spec, or of a ``TimeLimit`` around it, and the smallest where there are several.
    """
    found = []
    if env.spec is not None and env.spec.max_episode_steps is not None:
        found.append(env.spec.max_episode_steps)
    layer = env
    while isinstance(layer, gymnasium.Wrapper):
        if isinstance(layer, TimeLimit):
            found.append(layer._max_episode_steps)
        layer = layer.env
    return min((steps for steps in found if steps > 0), default=None)


def limit_of(env: Env, asked: int | None, *, recorded: int | None = None, longest: int | None = None) -> Limit:
    """Decide after how many steps an episode is cut off.

    Args:
        env: An environment as it is made.
        asked: The number that the user gives.
        recorded: The number that the run folder of the policy records.
        longest: The number of steps of the longest demonstration; None where there are none.

    Raises:
        TaskError: The number is not positive, or nothing tells when an episode should end.
    """
    if asked is not None and asked < 1:
        raise TaskError(f"max_episode_steps is {asked}; expected 1 or more")
    known, name = known_limit(env), environment_name(env)
    if asked is not None:
        if known is None or known >= asked:
            return Limit(asked)
        return Limit(asked, f"{name} itself ends episodes after {known:,} steps, sooner than the {asked:,} asked for")
    if recorded is not None:
        own = known is not None and known <= recorded
        return Limit(recorded, None if own else f"episodes are cut off after {recorded:,} steps, as in the run")
    if known is not None:
        return Limit(None)
    mend = "--max-episode-steps N (max_episode_steps=N in Python)"
    if longest is None:
        raise TaskError(
            f"{name} has no time limit that is known, so that an episode might never end. Give one by {mend}, such as "
            "the number of steps of a usual episode"
        )
    steps = TIMES_THE_LONGEST * longest
    return Limit(
        steps,
        f"{name} has no time limit that is known: episodes are cut off (truncated) after {steps:,} steps, twice the "
        f"longest demonstration. Set another limit by {mend}",
    )


def with_limit(env: Env, steps: int | None) -> Env:
    """Return the environment with episodes that are truncated after ``steps`` steps; None returns it as it is."""
    return env if steps is None else TimeLimit(env, steps)
