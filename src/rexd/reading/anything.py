"""Demonstrations from whatever a user has: a path, arrays, or an object in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
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
    - a path: a file, a folder, or the id of a local Minari dataset; ``"bundled"`` stands for the demonstrations that
      rexd ships, of the task of ``env`` or of HalfCheetah-v5;
    - a pair ``(observations, actions)``, a tuple of two arrays. One trajectory has observations of shape (T, D), or
      (T + 1, D) with the final one, and actions of shape (T, A), or (T,) of a discrete action space. Several
      trajectories are two lists of such arrays, or two arrays with one more dimension in front; steps of several
      environments, (T, B, D), are told from these;
    - anything else that ``to_demonstrations`` takes.

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
    return to_demonstrations(_episodes(*given) if _is_pair(given) else given, env=env)


def _bundled(env: Any) -> Demonstrations:
    named = env if isinstance(env, str) else getattr(getattr(env, "spec", None), "id", None)
    return bundled_demonstrations(named or DEFAULT_TASK)


def _is_pair(given: Any) -> bool:
    """Whether this is a tuple of two arrays, or of two lists of arrays or numbers."""
    return type(given) is tuple and len(given) == 2 and all(_dimensions(part) for part in given)


def _dimensions(value: Any) -> int:
    """Return the dimensions of an array, a tensor, or a list of them; 0 for anything else."""
    if isinstance(value, list | tuple):
        return 1 + _dimensions(value[0]) if value else 1
    return int(getattr(value, "ndim", 0))


def _episodes(observations: Any, actions: Any) -> list[dict[str, Any]] | dict[str, Any]:
    """Return a pair in a layout that ``to_demonstrations`` takes."""
    dimensions = _dimensions(observations)
    if dimensions == 2:
        return [{"observations": observations, "actions": actions}]
    if dimensions != 3:
        raise DemonstrationError(
            f"the observations have {dimensions} dimensions; expected (steps, columns) for one trajectory, or a list "
            "of such arrays, one for each trajectory. A single column is of shape (steps, 1)"
        )
    steps_of_environments = len(observations) == len(actions) + 1 and len(observations[0]) == len(actions[0])
    if len(observations) != len(actions) and not steps_of_environments:
        raise DemonstrationError(
            f"there are observations of {len(observations)} trajectories and actions of {len(actions)}; expected "
            "as many of one as of the other"
        )
    return {"observations": observations, "actions": actions}
