"""One text file with named columns: ``obs_0, obs_1, ..., action_0, ..., reward, done, episode``, in any order.

Usual spellings are understood: ``obs0``, ``state_0`` and ``observation[0]``; a word in place of the number
(``obs_angle``); and, if the actions are named, the environment's own names (``angle, velocity, action``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import no_actions
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.ends.boundary_keys import FLAGS
from rexd.reading.rows.from_keys import from_keys, unused_notes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, NAMES, NUMBERED
from rexd.reading.rows.stacking import names

_STEP = ("step", "timestep", "time_step", "t", "frame")
_SPELLINGS: dict[str, tuple[str, ...]] = {
    **NAMES,
    "observations": (*NAMES["observations"], "s", "o"),
    "actions": (*NAMES["actions"], "a"),
    "rewards": (*NAMES["rewards"], "r"),
    "dones": (*NAMES["dones"], "d"),
    "next_observations": (*NAMES["next_observations"], "next_s", "s_next", "next_o"),
    "episode": BOUNDARIES["ids"],
    "ends": BOUNDARIES["ends"],
    "masks": BOUNDARIES["masks"],
    "step": (*_STEP, *(f"{name}_{end}" for name in _STEP for end in NUMBERED)),
}
_ROLES = {spelling: role for role, spellings in _SPELLINGS.items() for spelling in spellings}
_SINGLE = ("rewards", "terminated", "truncated", "dones", "episode", "ends", "masks", "step")
_MARKS = (*FLAGS, "ends", "masks")
_VECTORS = ("observations", "actions", "next_observations")
_PARTS = re.compile(rf"({'|'.join(sorted(_ROLES, key=len, reverse=True))})(?:_?(\d+)|_(\w+))?")


def sniff(source: Source) -> bool:
    """Whether the file is a table whose header names actions, and observations or columns that may be observations."""
    if source.table is None or source.table.names is None:
        return False
    columns = assign(source.table.names, source.table.kinds[: source.table.width])[0]
    return "actions" in columns and "observations" in columns


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the columns, and cut the rows where episodes change, steps begin again, or ends are marked.

    Raises:
        DemonstrationError: A column is missing or holds no numbers, or the boundaries are not clear.
    """
    return read_table(source, hints)


FORMAT = Format("text table with named columns (CSV)", sniff, load)


def read_table(source: Source, hints: Hints) -> Demonstrations:
    """Read a table with named columns, with actions or without.

    Raises:
        DemonstrationError: A column is missing or holds no numbers, or the boundaries are not clear.
    """
    if source.table is None:
        raise DemonstrationError(f"{source.name}: has no rows of numbers; expected a header and rows. Write it again")
    header, kinds = source.table.names or (), source.table.kinds[: source.table.width]
    columns, ignored, notes = assign(header, kinds)
    check_complete(source.name, header, columns)
    place = {number: at for at, number in enumerate(number for numbers in columns.values() for number in numbers)}
    counts = [number for number in ignored if kinds[number] == "integer"]
    rows = source.table.rows([*place, *counts])
    found: dict[str, Array] = {role: rows[:, [place[n] for n in numbers]] for role, numbers in columns.items()}
    if "actions" not in columns:
        found["actions"] = no_actions(len(rows))
    elif len(columns["actions"]) == 1 and kinds[columns["actions"][0]] == "integer":
        found["actions"] = whole(found["actions"])
    others: dict[Any, Any] = dict.fromkeys(header[number] for number in ignored)
    others |= {header[number]: values for number, values in zip(counts, rows.T[len(place) :], strict=True)}
    labels = {role: [header[number] for number in numbers] for role, numbers in columns.items()}
    return read_named(source.name, found, labels, others, hints, notes)


def whole(actions: Array) -> Array:
    """Return discrete actions as integers; an array with any other number is returned as it is."""
    valid = np.isfinite(actions).all() and (actions >= 0).all() and (actions < 2**31).all()
    return actions.astype(np.int64) if valid and (actions == np.round(actions)).all() else actions


def read_named(
    source_name: str,
    found: dict[str, Array],
    labels: Mapping[str, Sequence[str]],
    others: Mapping[Any, Any],
    hints: Hints,
    notes: list[str],
) -> Demonstrations:
    """Read the columns of each role, and cut the rows into trajectories.

    Args:
        source_name: The file's name, for messages.
        found: (N, columns) by role.
        labels: The names of these columns.
        others: The columns that have no role, by name; their values, (N,), where they are whole numbers.
        hints: What the user and the environment know.
        notes: What was done before, for the user.

    Raises:
        DemonstrationError: The columns do not fit each other, or the boundaries are not clear.
    """
    for role in found.keys() - set(_VECTORS):
        if found[role].shape[1] != len(labels[role]):
            raise DemonstrationError(f"{source_name}: {labels[role][0]!r} has several numbers in a row; expected one")
    found = {role: rows[:, 0] if role in _SINGLE and role not in _MARKS else rows for role, rows in found.items()}
    starts = _starts(found, notes)
    content: dict[Any, Any] = {} if starts is None else {"episode_starts": starts}
    for role, values in found.items():
        if role in _MARKS:
            content |= {_spelled(label, role): values[:, at] for at, label in enumerate(labels[role])}
        elif role not in ("episode", "step"):
            content[role] = values
    demos = from_keys(source_name, content, hints=hints)
    unused = unused_notes(others, others, demos.n_transitions, len(demos), "the table")
    return replace(demos, notes=(*demos.notes, *notes, *unused))


def _spelled(label: str, role: str) -> str:
    """Return the key that a column of flags has in files of arrays; a column of one letter has the role's name."""
    name = _plain(label)
    return name if len(name) > 1 else role


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label).strip("_")


def assign(header: Sequence[str], kinds: Sequence[str]) -> tuple[dict[str, list[int]], list[int], list[str]]:
    """Return the numbers of the columns of each role, in order, those of other columns, and notes for the user.

    Args:
        header: The names of the columns, in lower case.
        kinds: What each column holds, as ``Table.kinds`` names it.
    """
    counted: dict[str, list[tuple[int, int]]] = {}
    worded: dict[str, list[int]] = {}
    others: list[int] = []
    for number, name in enumerate(header[: len(kinds)]):
        match = _PARTS.fullmatch(_plain(name))
        role = None if match is None else _ROLES[match[1]]
        if match is None or role is None or (role in _SINGLE and (match[2] or match[3])):
            others.append(number)
        elif match[3] is None:
            counted.setdefault(role, []).append((int(match[2] or -1), number))
        elif len(match[1]) > 1:
            worded.setdefault(role, []).append(number)
        else:
            others.append(number)
    columns = {role: [number for _, number in sorted(found)] for role, found in counted.items()}
    for role, numbers in worded.items():
        if role in columns:
            others.extend(numbers)
        else:
            columns[role] = numbers
    columns = {role: numbers if role in (*_VECTORS, *_MARKS) else numbers[:1] for role, numbers in columns.items()}
    notes: list[str] = []
    free = sorted(number for number in others if kinds[number] in ("integer", "number") and header[number])
    if "observations" not in columns and "actions" in columns and free and free == list(range(free[0], free[-1] + 1)):
        columns["observations"], others = free, [number for number in others if number not in free]
        notes.append(f"took the columns {names(header[n] for n in free)} as the observation")
    return columns, sorted(number for number in others if header[number]), notes


def check_complete(source_name: str, header: Sequence[str], columns: Mapping[str, Sequence[int]]) -> None:
    """Check that numbered columns of a role lack none.

    Raises:
        DemonstrationError: A number is missing.
    """
    for role, numbers in columns.items():
        labels = [header[number] for number in numbers]
        counts = [int(found[1]) for label in labels if (found := re.search(r"(\d+)\W*$", label))]
        if len(counts) == len(labels) and counts != list(range(counts[0], counts[0] + len(counts))):
            raise DemonstrationError(
                f"{source_name}: has the {role.replace('_', ' ')} {names(labels)}; expected one column for each number "
                f"from {counts[0]} to {counts[-1]}. Write it again"
            )


def _starts(found: dict[str, Array], notes: list[str]) -> Array | None:
    """Return the first rows of the episodes, told by the columns of episodes and steps; None if they do not tell.

    If the rows of several episodes are mixed, ``found`` is put in the order of the episodes.
    """
    if "episode" in found:
        if len(np.flatnonzero(np.diff(found["episode"]))) >= len(np.unique(found["episode"])):
            order = np.argsort(found["episode"], kind="stable")
            for role, rows in found.items():
                found[role] = rows[order]
            notes.append("rows of several episodes were mixed: put in the order of the episodes")
        changes = np.flatnonzero(np.diff(found["episode"])) + 1
        if len(changes) or "step" not in found:
            return np.concatenate([[0], changes])
    if "step" not in found:
        return None
    changes = np.flatnonzero(np.diff(found["step"]) <= 0) + 1
    if len(changes) > len(found["step"]) // 2:
        notes.append("ignored the column of steps, which does not count up")
        return None
    return np.concatenate([[0], changes])
