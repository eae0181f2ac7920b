"""A pair ``(observations, actions)`` in memory, as a dict or as one dict for each trajectory."""

from __future__ import annotations

from typing import Any

from rexd.errors import DemonstrationError


def is_pair(data: Any) -> bool:
    """Whether this is a tuple of two arrays, or of two lists of arrays or numbers.

    Two tuples are two transitions or two trajectories, not a pair.
    """
    return (
        type(data) is tuple
        and len(data) == 2
        and not any(isinstance(part, tuple) for part in data)
        and all(map(_dimensions, data))
    )


def arrays_of_pair(pair: tuple[Any, Any], *, joined: bool) -> Any:
    """Return a pair in a layout that ``to_demonstrations`` reads.

    Args:
        pair: Observations and actions: one array each, or one for each trajectory.
        joined: Whether one array of rows holds several trajectories end to end, whose lengths the user tells.

    Raises:
        DemonstrationError: The observations are no rows of columns, or there are not as many actions as observations.
    """
    observations, actions = pair
    dimensions = _dimensions(observations)
    if dimensions == 2:
        one = {"observations": observations, "actions": actions}
        return one if joined else [one]
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


def _dimensions(value: Any) -> int:
    """Return the dimensions of an array, a tensor, or a list of them; 0 for anything else."""
    if isinstance(value, list | tuple):
        return 1 + _dimensions(value[0]) if value else 1
    return int(getattr(value, "ndim", 0))
