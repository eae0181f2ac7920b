"""A list with one dict for each transition, as DI-engine writes expert data.

``collect_demo_data`` (https://github.com/opendilab/DI-engine) writes ``obs``, ``action``, ``next_obs``, ``reward`` of
shape (1,) and ``done`` as tensors, in a pickle or in a torch file whose name may end in ``.pkl``. ``done`` is true at a
time limit too. Other tools write the same under other names, and some keep one list for each trajectory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.from_keys import from_keys
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NEEDED, dimensions, find_keys, has_needed, is_rows, items
from rexd.reading.rows.stacking import flatten, names, stack


def sniff(source: Source) -> bool:
    """Whether the file holds a list of dicts, or of lists of dicts, with the observation of one step in each dict."""
    rows = items(source.content)
    first = rows[0] if rows else None
    first = (items(first) or [first])[0]
    if not has_needed(first):
        return False
    key = find_keys(first)["observations"]
    axes = dimensions(first[key])
    if axes != 2:
        return axes == 1 or (axes == 3 and isinstance(first[key], np.ndarray) and first[key].dtype == np.uint8)
    # An observation of shape (1, D) is one step, unless another dict has more rows and thus holds a trajectory.
    return all(isinstance(row, dict) and is_rows(row.get(key)) and len(row[key]) == 1 for row in rows)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the rows, and cut them into trajectories.

    Raises:
        DemonstrationError: A row has no observation or action, or they differ in shape from row to row.
    """
    rows, starts = items(source.content), None
    if not isinstance(rows[0], dict):
        rows, starts = flatten(source.name, rows)
    for number, row in enumerate(rows) if set(map(type, rows)) != {dict} else ():
        if not isinstance(row, dict):
            raise DemonstrationError(f"{source.name}: row {number} is a {type(row).__name__}; expected a dict as row 0")
    keys = find_keys(rows[0])
    columns, notes = _columns(source.name, rows, keys)
    content = {keys[role]: values for role, values in columns.items()} | _others(rows, keys)
    if starts is not None:  # one list for each trajectory
        content["episode_starts"] = starts
    demos = from_keys(source.name, content, hints=hints, whole="each transition")
    return replace(demos, notes=(*demos.notes, *notes))


FORMAT = Format("list of one dict for each transition (DI-engine)", sniff, load, tool="DI-engine, and others")


def _others(rows: Sequence[dict[Any, Any]], keys: dict[str, Any]) -> dict[Any, Any]:
    """Return the values under the keys of other columns: one for each row where these are numbers or texts."""
    found: dict[Any, Any] = {}
    for key in rows[0]:
        if key in keys.values():
            continue
        values = [row.get(key) for row in rows]
        plain = all(isinstance(value, bool | int | float | str | np.number | np.bool_ | np.ndarray) for value in values)
        found[key] = values if plain else None
    return found


def _columns(source: str, rows: Sequence[dict[Any, Any]], keys: dict[str, Any]) -> tuple[dict[str, Array], list[str]]:
    columns: dict[str, Array] = {}
    notes = []
    for role, key in keys.items():
        try:
            values = [row[key] for row in rows]
        except KeyError as error:
            number = next(number for number, row in enumerate(rows) if key not in row)
            if role in NEEDED:
                raise DemonstrationError(
                    f"{source}: row {number} has no {key!r}; found {names(rows[number])}. Drop that row"
                ) from error
            notes.append(f"ignored {key!r}, which row {number} does not have")
            continue
        columns[role] = stack(source, role.replace("_", " "), values)
    rewards = columns.get("rewards")
    if rewards is not None and rewards.ndim == 2 and rewards.shape[1] > 1:
        columns["rewards"] = rewards[:, 0]
        notes.append(f"{rewards.shape[1]} rewards for each step, as n-step returns need: used the first")
    return columns, notes
