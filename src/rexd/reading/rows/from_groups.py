"""Trajectories that an HDF5 file keeps in one group each, with observations in one array or in a group of parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.hdf5 import is_numbers, numbers
from rexd.reading.rows.key_names import find_keys
from rexd.reading.rows.side_by_side import columns_note, last_done, side_by_side
from rexd.reading.rows.stacking import names

_FLAGS = ("terminated", "truncated", "dones")
_VECTORS = ("observations", "next_observations")
_IMAGES = "images"  # compressed images have two axes, as rows of numbers have
_DEEPEST, _MOST = 4, 1000


def numbered(group: Any, pattern: re.Pattern[str]) -> list[str]:
    """Return the names of the groups within a group that fit a pattern, in the order of the number at their end."""
    found = [name for name in group if isinstance(name, str) and pattern.fullmatch(name) and is_group(group.get(name))]
    return sorted(found, key=lambda name: (int(re.sub(r".*?(\d+)$", r"\1", name)), name))


def is_group(item: Any) -> bool:
    """Whether an object of a file is a group, and not an array or a link that leads nowhere."""
    return hasattr(item, "keys")


def read_groups(
    source: str, groups: Sequence[Any], observations: str, mend: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """Read the columns of trajectories, by the names that tools use, with parts of observations side by side by name.

    A trajectory that is stored apart goes on after a step that is marked as an end, as success is, so that only the
    mark of its last step is kept.

    Args:
        source: The file's name, for messages.
        groups: The open group of each trajectory.
        observations: The name of the array or of the group of observations in each of them.
        mend: What to do where there are no observations but images, for the message.

    Returns:
        The columns of each trajectory as ``from_episodes`` takes them, and notes for the user.

    Raises:
        DemonstrationError: A trajectory lacks an array, or none of its observations are rows of numbers.
    """
    parts, left_out = _parts(source, groups, observations, mend)
    episodes, early = [], 0
    for group in groups:
        label = ": ".join(filter(None, (source, group.name.strip("/"))))
        keys = find_keys(group) | {"observations": observations}
        episode: dict[str, Any] = {"actions": numbers(source, group, keys.pop("actions", "actions"))}
        for role, name in keys.items():
            if role in _VECTORS and parts is not None:
                if role == "observations" or _has(group[name], parts):
                    arrays: dict[str, Array] = {part: numbers(source, group[name], part) for part in parts}
                    episode[role] = side_by_side(label, arrays)
            elif role in _FLAGS:
                episode[role], more = last_done(label, numbers(source, group, name), role)
                early += more
            else:
                episode[role] = numbers(source, group, name)
        episodes.append(episode)
    notes = []
    if parts is not None:
        first = groups[0][observations]
        notes.append(columns_note({part: int(np.prod(first[part].shape[1:], dtype=np.int64)) for part in parts}))
    if left_out:
        notes.append(f"left out {names(left_out)}: images and other arrays without one row of numbers for each step")
    if early:
        notes.append(
            f"{early} steps before the last of their trajectory are marked as done, as success is marked: the "
            "trajectory goes on"
        )
    return episodes, notes


def unused(group: Mapping[str, Any]) -> list[str]:
    """Return the names in a trajectory's group that ``read_groups`` does not read."""
    used = find_keys(group).values()
    return [key for key in group if key not in used]


def _has(group: Any, parts: Sequence[str]) -> bool:
    return is_group(group) and all(is_numbers(group.get(part)) for part in parts)


def _parts(source: str, groups: Sequence[Any], key: str, mend: str) -> tuple[list[str] | None, list[str]]:
    """Return the parts of the observations that are rows of numbers in every trajectory, and all others, both sorted.

    The first is None where observations are one array.
    """
    if is_numbers(groups[0].get(key)):
        return None, []
    seen: set[str] = set()
    usable: set[str] | None = None
    for group in groups:
        items = _leaves(source, group.get(key))
        flat = {path for path, item in items.items() if is_numbers(item) and len(item.shape) <= 2}
        flat = {path for path in flat if _IMAGES not in path.split("/")}
        seen |= set(items)
        usable = flat if usable is None else usable & flat
    if not usable:
        place = f"{groups[0].name.strip('/')}/{key}".strip("/")
        raise DemonstrationError(
            f"{source}: has no low-dimensional observations in every demonstration (found {names(sorted(seen))}); "
            f"expected {place} with them. {mend}"
        )
    return sorted(usable), sorted(seen - usable)


def _leaves(source: str, group: Any) -> dict[str, Any]:
    """Return the arrays within a group by their paths. A group may hold itself, so that the paths are bounded."""
    found: dict[str, Any] = {}
    waiting, seen = [("", group)] if is_group(group) else [], 0
    while waiting:
        prefix, inner = waiting.pop()
        for name in inner:
            path, item = f"{prefix}{name}", inner.get(name)
            if not is_group(item):
                found[path] = item
            elif path.count("/") < _DEEPEST:
                waiting.append((f"{path}/", item))
            seen += 1
            if seen > _MOST:
                raise DemonstrationError(
                    f"{source}: {group.name.strip('/')!r} holds more than {_MOST} arrays; expected the parts of an "
                    "observation. Write the file again"
                )
    return found
