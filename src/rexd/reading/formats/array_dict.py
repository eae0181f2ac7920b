"""One dict of arrays, under the names that tools use, in a pickle, a torch file, an npy or a JSON file.

The arrays are rows end to end, with recorded ends or next observations; or (B, T, D) with one trajectory in each of
B rows, padded beyond its ``lengths`` if there are any, as in the ``.pt`` files of
https://github.com/ikostrikov/pytorch-a2c-ppo-acktr-gail; or (T, B, D) with one step of B environments in each row; or
lists with one array for each trajectory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.axes import with_episodes_first
from rexd.reading.rows.ends.boundary_keys import has_boundaries
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_keys import from_keys, unused_notes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, dimensions, find_keys, has_needed, is_rows
from rexd.reading.rows.stacking import as_array


def sniff(source: Source) -> bool:
    """Whether the file holds a dict of observations and actions, and not only what the RED authors' files hold."""
    content = source.content
    if not isinstance(content, dict) or not has_needed(content):
        return False
    keys = find_keys(content)
    observations, actions = content[keys["observations"]], content[keys["actions"]]
    if not is_rows(observations) or not is_rows(actions):
        return False
    if (keys["observations"], keys["actions"]) != ("observations", "actions"):
        return True
    if has_boundaries(content) or is_rows(content.get(keys.get("next_observations"))):
        return True
    lists = isinstance(observations, list | tuple) and isinstance(actions, list | tuple)
    return lists or _is_apart(observations) or _is_batch(observations, actions)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the arrays, and cut them into trajectories.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the boundaries are not clear.
    """
    return read_arrays(source.name, source.content, hints)


FORMAT = Format("dict of arrays", sniff, load)


def read_arrays(source_name: str, content: Mapping[Any, Any], hints: Hints) -> Demonstrations:
    """Read arrays by the names that tools use (``rexd.reading.rows.key_names``), from any kind of file.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the boundaries are not clear.
    """
    keys = find_keys(content)
    columns = {role: content[key] for role, key in keys.items() if is_rows(content[key])}
    observations, actions = columns["observations"], columns["actions"]
    if not _is_apart(observations) and not _is_batch(observations, actions):
        return from_keys(source_name, content, hints=hints)
    length_key = next((key for key in BOUNDARIES["lengths"] if is_rows(content.get(key))), None)
    columns, turned = with_episodes_first(source_name, columns, hints, told=length_key is not None)
    lengths = None if length_key is None else _lengths(source_name, content[length_key], len(columns["actions"]))
    demos = from_episodes(source_name, _split(source_name, columns, lengths), hints=hints, notes=turned)
    used = {*(keys[role] for role in columns), length_key}
    unused = [key for key in content if key not in used]
    return replace(demos, notes=(*demos.notes, *unused_notes(content, unused, demos.n_transitions, len(demos))))


def _is_apart(rows: Any) -> bool:
    """Whether this is a list or an array of objects, with the rows of one trajectory in each item."""
    is_list = isinstance(rows, list | tuple) or (isinstance(rows, np.ndarray) and rows.dtype.hasobject)
    return is_list and dimensions(rows, most=5) in (3, 5)  # those of images have 5


def _is_batch(observations: Any, actions: Any) -> bool:
    """Whether these are (B, T, D) and (B, T, A) or (B, T), with more than one observation in each.

    There may be one observation more along either axis, the final one of each trajectory.
    """
    if not isinstance(observations, np.ndarray) or not isinstance(actions, np.ndarray):
        return False
    if observations.ndim != 3 or actions.ndim not in (2, 3):
        return False
    first, second = actions.shape[:2]
    shapes = {(first, second + 1), (first + 1, second)} | ({(first, second)} if second > 1 else set())
    return bool(second) and observations.shape[:2] in shapes


def _lengths(source: str, value: Any, count: int) -> list[int]:
    found = as_array(source, "lengths of trajectories", value).reshape(-1)
    whole = found.dtype.kind in "iuf" and np.isfinite(found).all() and (found == np.floor(found)).all()
    if not whole or (found < 0).any() or len(found) != count:
        raise DemonstrationError(
            f"{source}: the lengths of trajectories are {found[:5]}; expected {count} whole numbers"
        )
    return [int(n) for n in found]


def _split(source: str, columns: Mapping[str, Any], lengths: list[int] | None) -> list[dict[str, Any]]:
    """Return one dict for each trajectory, without padding."""
    count = len(columns["actions"])
    for role, rows in columns.items():
        if len(rows) != count:
            raise DemonstrationError(
                f"{source}: has {role.replace('_', ' ')} of {len(rows)} trajectories and actions of {count}; expected "
                "the same number"
            )
    episodes = [{role: rows[number] for role, rows in columns.items()} for number in range(count)]
    for number, length in enumerate(lengths or ()):
        steps = len(episodes[number]["actions"])
        if length > steps:
            raise DemonstrationError(
                f"{source}: trajectory {number} has {steps} steps; expected {length} as its length"
            )
        for role, rows in episodes[number].items():
            if is_rows(rows):
                episodes[number][role] = rows[: length + len(rows) - steps]
    return episodes
