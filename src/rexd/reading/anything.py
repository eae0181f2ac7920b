"""Demonstrations from whatever a user has: a path, arrays, or an object in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from rexd.demos.demonstrations import Demonstrations
from rexd.reading import BUNDLED
from rexd.reading.bundled import DEFAULT_TASK, bundled_demonstrations
from rexd.reading.from_memory import to_demonstrations
from rexd.reading.load import load_demonstrations

DemonstrationsLike: TypeAlias = Any
"""What ``demonstrations_of`` takes."""


def demonstrations_of(given: DemonstrationsLike, *, env: Any = None) -> Demonstrations:
    """Return demonstrations from whatever a user has.

    ``given`` is one of

    - ``Demonstrations``, which are returned as they are;
    - a path: a file, a folder, a pattern such as ``"episodes/*.npz"``, the id of a local Minari dataset, or a list of
      them; ``"bundled"`` stands for the demonstrations that rexd ships, of the task of ``env`` or of HalfCheetah-v5;
    - anything that ``to_demonstrations`` takes, such as a pair ``(observations, actions)``.

    Args:
        given: The demonstrations.
        env: A Gymnasium id or an environment. Columns are checked against its spaces, and actions are clipped to its
            bounds; ``Demonstrations`` and ``"bundled"`` are left as they are.

    Raises:
        RexdError: The demonstrations cannot be used; the message says what to do.
    """
    if isinstance(given, Demonstrations):
        return given
    if isinstance(given, str | Path):
        return _bundled(env) if str(given) == BUNDLED else load_demonstrations(given, env=env)
    if isinstance(given, list | tuple) and given and all(isinstance(each, str | Path) for each in given):
        return load_demonstrations(given, env=env)
    return to_demonstrations(given, env=env)


def _bundled(env: Any) -> Demonstrations:
    named = env if isinstance(env, str) else getattr(getattr(env, "spec", None), "id", None)
    return bundled_demonstrations(named or DEFAULT_TASK)
