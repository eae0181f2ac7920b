"""Observations that are dicts or tuples of arrays, joined into columns wherever a recording holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.flattening import MOST_DEPTH, Flattening
from rexd.reading.rows.key_names import dimensions, find_keys, has_needed, is_rows, items
from rexd.reading.rows.stacking import as_array

_ROLES = ("observations", "next_observations")
_SCALARS = (str, bytes, int, float, np.generic, type(None))


def has_parts(content: Any, flattening: Flattening | None = None) -> bool:
    """Whether the observations of a recording are dicts; or tuples, where the environment has a space of tuples.

    Args:
        content: A dict of columns, or a list of dicts or tuples for each trajectory or transition.
        flattening: How the environment's observations become columns, if that is known.
    """
    return _first(content, Joining("", flattening)) is not None


def joined(source: str, content: Any, flattening: Flattening | None) -> tuple[Any, Flattening]:
    """Replace the observations of a recording, which ``has_parts``, by arrays.

    Without an environment, the parts of a dict are sorted by their keys, as ``gymnasium.spaces.Dict`` sorts them.

    Args:
        source: The file's name, for messages.
        content: The recording, which is not changed.
        flattening: How the environment's observations become columns, if that is known.

    Returns:
        A recording of the same layout, and what the columns are.

    Raises:
        DemonstrationError: A part is missing, or is no array of numbers with the shape that it has elsewhere.
    """
    joining = Joining(source, flattening)
    try:
        made = joining.content(content)
    except SpaceMismatchError as error:
        raise DemonstrationError(f"{source}: {error}") from error
    if joining.flattening is None:
        raise DemonstrationError(f"{source}: has observations that are dicts, in no layout that is known")
    return made, joining.flattening


class Joining:
    """Joins the observations of one recording; the first one tells the columns, unless an environment does."""

    def __init__(self, source: str, flattening: Flattening | None) -> None:
        """Take the name of the recording and what the environment tells."""
        self.source, self.flattening = source, flattening
        self._tuples = flattening is not None and any(
            type(part.path[:1][0]) is int for part in flattening.parts if part.path
        )
        # an observation that a recording repeats is joined once, so that later checks see that it is one
        self._own: dict[int, tuple[Any, Array]] = {}

    def is_observation(self, value: Any) -> bool:
        """Whether a value is an observation, or several, in parts."""
        return isinstance(value, Mapping) or (self._tuples and isinstance(value, tuple))

    def content(self, content: Any) -> Any:
        """Return a recording with arrays in place of observations in parts."""
        if isinstance(content, Mapping):
            return self._columns(content, least=1)
        return self._rows(content)

    def _rows(self, content: Any, depth: int = 0) -> list[Any]:
        rows = items(content)
        first = rows[0] if len(rows) else None
        if isinstance(first, Mapping):
            return [self._columns(row) if isinstance(row, Mapping) else row for row in rows]
        inner = next(iter(items(first)), None)
        if depth > 1 or (self.is_observation(inner) and not has_needed(inner)):
            return [self._places(row) for row in rows]
        return [self._rows(row, depth + 1) for row in rows]

    def _columns(self, row: Mapping[Any, Any], least: int = 0) -> dict[Any, Any]:
        """Join the observations in a dict of columns; these are at least ``least`` axes of rows."""
        keys = find_keys(row)
        actions, rewards = (row[keys[role]] if role in keys else None for role in ("actions", "rewards"))
        made = dict(row)
        for role in (role for role in _ROLES if role in keys):
            value = row[keys[role]]
            if self.is_observation(value):
                made[keys[role]] = self._join(value, actions, rewards, least)
            elif (several := items(value)) and self.is_observation(several[0]):
                made[keys[role]] = [
                    self._join(each, _entry(actions, number), _entry(rewards, number))
                    for number, each in enumerate(several)
                ]
            elif value is not None:
                kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
                raise SpaceMismatchError(
                    f"some observations are dicts, and {keys[role]!r} is one {kind}; expected the same of all. Drop "
                    "those that differ"
                )
        return made

    def _places(self, row: Any) -> Any:
        """Join the observations in a tuple of (observation, action, ...); a dict with other keys is no observation."""
        places = items(row)
        first = places[0] if len(places) else None
        return tuple(
            self._join(value, None, None) if number == 0 or _alike(value, first) else value
            for number, value in enumerate(places)
        )

    def _join(self, value: Any, actions: Any, rewards: Any, least: int = 0) -> Array:
        if id(value) not in self._own:
            arrays = self._arrays(value, ())
            lead = max(self._lead(arrays, actions, rewards), least)
            if self.flattening is None:
                self.flattening = Flattening.of_values(arrays, lead)
                if not self.flattening.parts:
                    raise SpaceMismatchError("observations have no part that is an array of numbers; record one")
            # the value is kept, so that its id stays its own
            self._own[id(value)] = value, self.flattening.flatten(arrays, lead)
        return self._own[id(value)][1]

    def _arrays(self, value: Any, path: tuple[Any, ...]) -> Any:
        """Return a value with an array in place of each of its lists and numbers."""
        if len(path) > MOST_DEPTH:
            raise SpaceMismatchError(
                f"observations are more than {MOST_DEPTH} dicts within one another; join their parts"
            )
        if isinstance(value, Mapping):
            return {key: self._arrays(inner, (*path, key)) for key, inner in value.items()}
        if self._tuples and isinstance(value, tuple):
            return tuple(self._arrays(inner, (*path, number)) for number, inner in enumerate(value))
        if isinstance(value, _SCALARS):
            return np.asarray(value)
        if isinstance(value, list | tuple) and len(value) and isinstance(value[0], str | bytes):
            return np.zeros(len(value), "U1")  # text is left out
        return as_array(self.source, f"observations {'/'.join(map(str, path))!r}"[:100], value)

    def _lead(self, arrays: Any, actions: Any, rewards: Any) -> int:
        """Return the number of axes before the shape of one observation: 1 for the rows of a trajectory, and so on."""
        if self.flattening is not None:
            return self.flattening.lead_of(arrays)
        leaves = _leaves(arrays)
        axes = dimensions(actions) or 0
        lengths = {leaf.shape[:1] for leaf in leaves}
        if axes == 0 or len(lengths) != 1 or lengths == {()}:
            return 0
        (rows,) = lengths.pop()
        if len(actions) not in (rows, rows - 1):
            return 0
        pairs = {leaf.shape[:2] for leaf in leaves}
        if axes == 3 and len(pairs) == 1 and all(leaf.ndim > 1 for leaf in leaves):
            steps = len(actions[0])
            if steps > 1 and pairs.pop()[1] in (steps, steps + 1):
                return 2
        paid = len(rewards) if (dimensions(rewards) or 0) > 0 else 0
        return 1 if axes > 1 or paid == len(actions) or any(leaf.ndim > 1 for leaf in leaves) else 0


def _first(content: Any, joining: Joining) -> Any:
    """Return the first observation of a recording if it has parts; else None."""
    for _ in range(3):  # a trajectory, within a list of trajectories
        if isinstance(content, Mapping):
            value = content.get(find_keys(content).get("observations")) if has_needed(content) else None
            value = value if joining.is_observation(value) else next(iter(items(value)), None)
            return value if joining.is_observation(value) else None
        rows = items(content)
        if not len(rows):
            return None
        row = joining.is_observation(rows[0]) and not isinstance(content, np.ndarray) and not has_needed(rows[0])
        if row and not all(isinstance(each, Mapping) for each in rows):  # dicts alone are trajectories without actions
            return rows[0]
        content = rows[0]
    return None


def _leaves(arrays: Any) -> list[Array]:
    if isinstance(arrays, Mapping | tuple):
        inner = arrays.values() if isinstance(arrays, Mapping) else arrays
        return [leaf for part in inner for leaf in _leaves(part)]
    return [arrays] if arrays.dtype.kind in "biuf" else []


def _entry(values: Any, number: int) -> Any:
    """Return an entry of a list or an array; None beyond its end."""
    return values[number] if is_rows(values) and number < len(values) else None


def _alike(value: Any, first: Any) -> bool:
    if isinstance(first, Mapping):
        return isinstance(value, Mapping) and value.keys() == first.keys()
    return isinstance(value, tuple) and len(value) == len(first)
