"""The guard around environments that are played: what goes wrong in one is told with the step and the episode."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from rexd.envs.make import Env, environment_name
from rexd.errors import RexdError, TaskError
from rexd.flattening import Flattening

MEND = "Mend the environment"
OPTIONS = "; rexd resets with a seed and no options, and a wrapper can fill in those that an environment needs"


class Guarded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that raises a ``TaskError`` where the environment raises, or returns what nothing can learn from.

    Without it, NaN is noticed at the next evaluation, and another shape is broadcast. What the environment returns is
    passed on untouched. An error counts steps and episodes from 1, those of this one environment.
    """

    def __init__(self, env: Env, arguments: Mapping[str, Any] | None = None) -> None:
        """Wrap ``env``; ``arguments`` are those that it was made with, which errors name."""
        super().__init__(env)
        self._arguments = dict(arguments or {})
        self._shape = env.observation_space.shape
        self._names = Flattening.of(env.observation_space).names
        self._episode = self._step = 0
        self._seed: int | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, and check its first observation."""
        self._episode, self._step, self._seed = self._episode + 1, 0, seed
        try:
            returned = self.env.reset(seed=seed, options=options)
        except RexdError:
            raise
        except Exception as error:  # an environment may raise anything
            raise self._raised(error, "" if options else OPTIONS) from error
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise self._fault(f"returned {_kind(returned)}; expected an observation and an info")
        self._check(returned[0])
        return returned

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take a step, and check what it returns."""
        self._step += 1
        try:
            returned = self.env.step(action)
        except RexdError:
            raise
        except Exception as error:  # an environment may raise anything
            raise self._raised(error) from error
        if not isinstance(returned, tuple) or len(returned) != 5:
            raise self._fault(
                f"returned {_kind(returned)}; expected an observation, a reward, terminated, truncated and an info"
            )
        self._check(returned[0])
        try:
            paid = math.isfinite(returned[1])
        except (TypeError, ValueError):
            paid = False
        if not paid:
            raise self._fault(f"gave the reward {returned[1]!r:.60}; expected a finite number")
        return returned

    def _check(self, observation: Any) -> None:
        try:
            found = np.asarray(observation)
        except ValueError:  # lists of unequal length
            found = np.empty((), object)
        if found.dtype.kind not in "fiub":
            raise self._fault(f"gave an observation of {_kind(observation)} with dtype {found.dtype}; expected numbers")
        if found.shape != self._shape:
            raise self._fault(
                f"gave an observation of shape {found.shape}; expected {self._shape}, the shape of its space"
            )
        if not np.isfinite(found).all():
            wrong = np.flatnonzero(~np.isfinite(found))
            named = [self._names[column] if self._names else str(column) for column in wrong[:8]]
            columns = f"column{'s' * (len(wrong) > 1)} {', '.join(named)}{' ...' * (len(wrong) > 8)}"
            raise self._fault(f"gave an observation with {found.flat[wrong[0]]} in {columns}; expected finite numbers")

    def _raised(self, error: Exception, hint: str = "") -> TaskError:
        text = str(error).strip().rstrip(".")
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        return self._fault(f"raised {said} ({_place(error, self.env)}){hint}")

    def _fault(self, what: str) -> TaskError:
        when = f"{f'step {self._step}' if self._step else 'the reset'} of episode {self._episode}"
        seed = "" if self._seed is None else f" (seed {self._seed})"
        made = f", or its arguments {self._arguments}" if self._arguments else ""
        return TaskError(f"{environment_name(self.env)}: {when}{seed} {what}. {MEND}{made}")


def check_start(env: Env, seed: int) -> None:
    """Reset a guarded environment and take one step, so that what is wrong shows before hours of work.

    Raises:
        TaskError: The environment raises, or returns what nothing can learn from.
    """
    env.action_space.seed(seed)
    env.reset(seed=seed)
    env.step(env.action_space.sample())


def _kind(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, tuple) else f"a {type(value).__name__}"


def _place(error: Exception, env: Env) -> str:
    """Return the file and the line of the environment's own code where an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    home = getattr(sys.modules.get(type(env.unwrapped).__module__), "__file__", None)
    last = [frame for frame in frames if frame.filename == home][-1:] or frames[-1:]
    return ", ".join(f"{frame.filename}, line {frame.lineno}" for frame in last)
