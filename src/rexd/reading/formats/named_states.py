"""Named arrays of observations without actions: a dict, a list of one dict for each trajectory, an npz or HDF5 file.

The names are those of the same files with actions. Every other array has to have a known name too: one with an unknown
name may hold the actions, so that such a file is refused as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import no_actions
from rexd.reading.containers.hdf5 import is_numbers, numbers
from rexd.reading.containers.source import NOTHING, Source
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.format import Format
from rexd.reading.formats.trajectory_dicts import read_paths
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, NAMES, dimensions, find_keys, is_rows, items

_KNOWN = {name for names in (*NAMES.values(), *BOUNDARIES.values()) for name in names} - {*NAMES["actions"]}


def sniff(source: Source) -> bool:
    """Whether the file names observations, no actions, and no array that might be the actions."""
    if source.content is not NOTHING:
        content = source.content
        paths = items(content)
        return _alone(content) if isinstance(content, Mapping) else bool(paths) and all(map(_alone, paths))
    if len(source.npz):
        return _named(source.npz) and _alone(source.npz)
    if not _named(source.hdf5_keys):
        return False
    with source.open_hdf5() as file:
        return all(is_numbers(file.get(key)) for key in file)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the states, beside actions without a column.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the boundaries are not clear.
    """
    if source.content is NOTHING:
        return read_arrays(source.name, _completed(_arrays(source)), hints)
    if isinstance(source.content, Mapping):
        return read_arrays(source.name, _completed(source.content), hints)
    return read_paths(source.name, [_completed(path) for path in items(source.content)], hints)


FORMAT = Format("observations without actions", sniff, load)


def _arrays(source: Source) -> dict[Any, Any]:
    if len(source.npz):
        return dict(source.npz)
    with source.open_hdf5() as file:
        return {key: numbers(source.name, file, key) for key in file}


def _named(keys: Any) -> bool:
    """Whether there are observations, and nothing without a known name."""
    return "observations" in find_keys(keys) and all(key in _KNOWN for key in keys)


def _alone(content: Any) -> bool:
    """Whether a mapping holds observations, (T, D) or more axes, and no array that might be the actions."""
    if not isinstance(content, Mapping) or "actions" in (keys := find_keys(content)) or "observations" not in keys:
        return False
    if not all(key in _KNOWN or not is_rows(value) for key, value in content.items()):
        return False
    observations = content[keys["observations"]]
    axes = dimensions(observations) or 0
    return axes in (2, 3) and not (axes == 3 and getattr(observations, "dtype", None) == np.uint8)


def _completed(content: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the content with actions that have no columns, one row for each step."""
    keys = find_keys(content)
    per_step = [content[key] for role, key in keys.items() if role != "observations" and is_rows(content[key])]
    like = per_step[0] if per_step else content[keys["observations"]]
    return {**content, "actions": _none_for(like, dimensions(content[keys["observations"]]) or 0)}


def _none_for(rows: Any, axes: int) -> Any:
    """Return actions without columns for the steps of a column: an array, or one for each trajectory of a list."""
    if axes == 2:
        return no_actions(len(rows))
    if isinstance(rows, np.ndarray) and not rows.dtype.hasobject:
        return np.zeros((*rows.shape[:2], 0), np.float32)
    parts: Sequence[Any] = items(rows)
    return [
        no_actions(len(part)) if is_rows(part) else part for part in parts
    ]  # reading says what is wrong with others
