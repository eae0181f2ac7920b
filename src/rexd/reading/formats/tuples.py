"""Tuples that begin with state and action: (s, a), (s, a, r), (s, a, r, s'), (s, a, r, s', done) and others.

Dumped replay buffers have this layout: a list or deque with one tuple for each transition, or with a list of such
tuples for each trajectory; an array of objects of shape (N, 5); one tuple of arrays, or of lists of rows, for each
trajectory or for all. https://github.com/medipixel/rl_algorithms writes deques of tuples, and many scripts write one of
the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import dimensions, items
from rexd.reading.rows.stacking import as_array, flatten, join, stack
from rexd.reading.rows.tuple_order import LENGTHS, tell_order


def sniff(source: Source) -> bool:
    """Whether the file holds tuples of steps or of trajectories, or one tuple of arrays."""
    rows = items(source.content)
    return bool(rows) and (_is_of_arrays(rows) or _is_step(rows[0]) or _is_of_episodes(rows) or _is_nested(rows[0]))


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the tuples, find out what each place in them holds, and cut them into trajectories.

    Raises:
        DemonstrationError: The tuples differ in form, or what their places hold cannot be told.
    """
    rows = items(source.content)
    starts: Array | None = None
    notes: list[str] = []
    following: dict[str, Array] = {}
    if _is_of_arrays(rows) and len(rows[0]) == len(rows[1]):
        places = [as_array(source.name, "arrays", place) for place in rows]
    elif _is_of_arrays(rows) or _is_of_episodes(rows):
        places, starts, following = _trajectories(source.name, [rows] if _is_of_arrays(rows) else rows)
    else:
        if not _is_step(rows[0]):
            rows, starts = flatten(source.name, rows)
        places = _steps(source.name, rows, notes)
    columns = tell_order(source.name, places) | following
    return from_steps(source.name, RecordedColumns(**columns, starts=starts), hints=hints, notes=notes)


FORMAT = Format("tuples of (state, action, ...), for each step or each trajectory", sniff, load)


def _is_step(row: Any) -> bool:
    """Whether this is a tuple that begins with the state of one step, of shape (D,) or (1, D)."""
    parts = items(row)  # the last part may be a dict of infos
    infos = len(parts) > 2 and isinstance(parts[-1], dict)
    if len(parts) - infos not in LENGTHS:
        return False
    axes = dimensions(parts[0])
    return axes == 1 or (axes == 2 and isinstance(parts[0], np.ndarray) and len(parts[0]) == 1)


def _is_nested(rows: Any) -> bool:
    return _is_step(next(iter(items(rows)), None))


def _is_of_episodes(rows: Sequence[Any]) -> bool:
    """Whether there is one tuple of arrays for each trajectory, in which the final observation tells equal widths."""
    shapes = _shapes(rows[0])
    return _is_of_arrays(rows[0]) or (bool(shapes) and shapes[0][0] > 2 and shapes[0][0] == shapes[1][0] + 1)


def _is_of_arrays(row: Any) -> bool:
    """Whether this is a tuple of arrays of different widths, with one row for each step in each array."""
    shapes = _shapes(row)
    return len({shape[1:] for shape in shapes}) > 1


def _shapes(row: Any) -> list[tuple[int, ...]]:
    """Return the shapes of a tuple of arrays with one row for each step, or lists as their first rows tell; or none."""
    parts = items(row)
    if len(parts) not in LENGTHS:
        return []
    shapes = [_shape(part) for part in parts]
    if not all(shapes) or len(shapes[0]) != 2 or shapes[0][0] < 2:
        return []
    # the first array may have the final observation too
    steps = {shape[0] for shape in shapes[1:]}
    return shapes if steps in ({shapes[0][0]}, {shapes[0][0] - 1}) else []


def _shape(part: Any) -> tuple[int, ...]:
    if isinstance(part, np.ndarray):
        return () if part.dtype.hasobject else part.shape
    axes = dimensions(part, most=2)
    return () if not axes else (len(part), len(part[0])) if axes == 2 else (len(part),)


def _steps(source: str, rows: Sequence[Any], notes: list[str]) -> list[Array]:
    if not set(map(type, rows)) <= {list, tuple}:
        rows = [items(row) for row in rows]
    counts = set(map(len, rows))
    if len(counts) > 1:
        number, row = next((number, row) for number, row in enumerate(rows) if len(row) != len(rows[0]))
        raise DemonstrationError(
            f"{source}: row {number} has {len(row)} places and row 0 has {len(rows[0])}; expected the same in every row"
        )
    places = []
    for place in range(len(rows[0])):
        values = [row[place] for row in rows]
        if isinstance(values[0], dict) and place > 1:
            notes.append(f"ignored the dicts in place {place} of each tuple")
            continue
        places.append(stack(source, f"values in place {place} of the tuples", values))
    return places


def _trajectories(source: str, rows: Sequence[Any]) -> tuple[list[Array], Array, dict[str, Array]]:
    """Return the arrays of all trajectories end to end, the rows at which trajectories start, and next observations.

    Next observations are returned if every trajectory has its final observation.
    """
    parts = []
    for number, row in enumerate(rows):
        if len(items(row)) != len(items(rows[0])) or not _shapes(row):
            raise DemonstrationError(
                f"{source}: trajectory {number} is not a tuple of {len(items(rows[0]))} arrays of equal length; "
                "expected that of each. Drop that trajectory"
            )
        parts.append([as_array(f"{source}: trajectory {number}", "arrays", part) for part in items(row)])
    lengths = [len(part[1]) for part in parts]
    following = {}
    if all(len(part[0]) == n + 1 for part, n in zip(parts, lengths, strict=True)):
        following["next_observations"] = join(source, "next observations", [part[0][1:] for part in parts])
        parts = [[part[0][:-1], *part[1:]] for part in parts]
    places = [join(source, f"arrays in place {k}", [part[k] for part in parts]) for k in range(len(parts[0]))]
    return places, np.cumsum([0, *lengths[:-1]]), following
