"""Trajectories that a file stores apart, each with its own arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NEEDED, dimensions, is_rows
from rexd.reading.rows.stacking import join, names

_FLAGS = ("terminated", "truncated", "dones")


def from_episodes(
    source_name: str, episodes: Sequence[Mapping[str, Any]], *, hints: Hints, notes: Sequence[str] = ()
) -> Demonstrations:
    """Make demonstrations from trajectories that are stored apart.

    Trajectories without a step are left out, and so are columns that only some trajectories have.

    Args:
        source_name: The file's name, for messages.
        episodes: The columns of each trajectory, by the names of ``RecordedColumns``: ``observations`` and ``actions``
            at least. There may be one observation more than there are actions, the final one. A flag may be one value
            for the whole trajectory.
        hints: What the user and the environment know.
        notes: What the format did to the data before, for the user.

    Raises:
        DemonstrationError: A trajectory lacks observations or actions, or its arrays do not fit each other or the
            arrays of other trajectories.
    """
    for number, episode in enumerate(episodes):
        if not all(is_rows(episode.get(role)) for role in NEEDED):
            raise DemonstrationError(
                f"{source_name}: trajectory {number} has no rows of observations and actions; found {names(episode)}. "
                "Drop that trajectory"
            )
    whole = [(number, episode) for number, episode in enumerate(episodes) if len(episode["actions"])]
    if not whole:
        raise DemonstrationError(f"{source_name}: no trajectory has a step; expected at least one, record it again")
    left_out = len(episodes) - len(whole)
    parts: dict[str, list[Any]] = {}
    for role in whole[0][1]:
        found = [episode.get(role) for _, episode in whole]
        if all(map(is_rows, found)) or (role in _FLAGS and all(dimensions(part) == 0 for part in found)):
            parts[role] = found
    _complete(source_name, parts, [number for number, _ in whole])
    columns = {role: join(source_name, role.replace("_", " "), found) for role, found in parts.items()}
    starts = np.cumsum([0, *(len(part) for part in parts["actions"][:-1])])
    added = [f"left out {left_out} trajectories without a step"] if left_out else []
    return from_steps(source_name, RecordedColumns(**columns, starts=starts), hints=hints, notes=[*added, *notes])


def _complete(source: str, parts: dict[str, list[Any]], numbers: list[int]) -> None:
    """Bring all columns to one entry for each step of each trajectory, in place."""
    lengths = [len(part) for part in parts["actions"]]
    if "next_observations" not in parts and [len(part) for part in parts["observations"]] == [n + 1 for n in lengths]:
        parts["next_observations"] = [part[1:] for part in parts["observations"]]
        parts["observations"] = [part[:-1] for part in parts["observations"]]
    for role in _FLAGS:
        if role in parts and not is_rows(parts[role][0]):  # one value for the whole trajectory
            parts[role] = [np.arange(n) == (n - 1 if part else n) for n, part in zip(lengths, parts[role], strict=True)]
    for role, found in parts.items():
        for number, part, length in zip(numbers, found, lengths, strict=True):
            if len(part) != length:
                raise DemonstrationError(
                    f"{source}: trajectory {number} has {len(part)} {role.replace('_', ' ')} for {length} actions; "
                    "expected one for each. Drop that trajectory"
                )
