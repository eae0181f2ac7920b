"""Rows that are stored end to end under names, as dicts of arrays, npz and HDF5 files hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.doubt import Doubt
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.ends.boundary_keys import FLAGS, ends_of_lengths, ids_of, read_ends
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import BOUNDARIES, NEEDED, find_keys, is_rows
from rexd.reading.rows.stacking import as_array, ignored_note, names

_WORDS = re.compile(
    r"episode|traj|done|termin|time_?out|trunc|rollout|(?<![a-z])(ends?|starts?|masks?|len|lens|lengths?|ep|eps)(?![a-z])"
)
_NOT = re.compile(r"return|reward")
_SMALLEST = 2  # entries; a single number is a fact about the file


def from_keys(source_name: str, content: Mapping[Any, Any], *, hints: Hints, whole: str = "the file") -> Demonstrations:
    """Make demonstrations from rows end to end, under the names that tools use (``rexd.reading.rows.key_names``).

    Args:
        source_name: The file's name, for messages.
        content: The values by key; among them observations and actions, with one row for each step. Where a key tells
            lengths, each trajectory may have its final observation too.
        hints: What the user and the environment know.
        whole: What the keys are of, for the note of those that are not used.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the boundaries are not clear.
    """
    content = _without_finals(source_name, content, hints)
    keys = {role: key for role, key in find_keys(content).items() if is_rows(content[key])}
    rows = len(content[keys["observations"]])
    if "next_observations" not in keys and rows == len(content[keys["actions"]]) + 1:
        rows -= 1  # one observation more is the final one
    ordered, notes = in_order(source_name, content, rows)
    hints, asked = lengths_by_key(source_name, ordered, rows, hints)
    keyed = read_ends(source_name, ordered, rows)
    columns = {role: ordered[key] for role, key in keys.items() if role not in FLAGS}
    ends = keyed.ends
    made = RecordedColumns(
        **columns, terminated=ends.terminated, truncated=ends.truncated, dones=ends.dones, starts=ends.starts
    )
    demos = from_steps(source_name, made, hints=hints, notes=[*notes, *keyed.notes])
    unused = [key for key in content if key not in {*keys.values(), *keyed.used, *asked}]
    return replace(demos, notes=(*demos.notes, *unused_notes(content, unused, rows, len(demos), whole)))


def _without_finals(source: str, content: Mapping[Any, Any], hints: Hints) -> Mapping[Any, Any]:
    """Return the content with final observations, one for each trajectory, made into next observations."""
    keys = find_keys(content)
    observations, actions = (content[keys[role]] for role in NEEDED)
    finals = len(observations) - len(actions)
    if finals < 1 or is_rows(content.get(keys.get("next_observations"))):
        return content
    named = (hints.lengths,) if isinstance(hints.lengths, str) else BOUNDARIES["lengths"]
    told = [hints.lengths] if not isinstance(hints.lengths, str | None) else []
    told += [content[key] for key in named if is_rows(content.get(key))]
    lengths = next((value for value in told if len(value) == finals), None)
    if lengths is None:
        return content
    last = ends_of_lengths(source, "lengths", lengths, len(actions))
    stops = np.cumsum(np.diff(np.flatnonzero(last), prepend=-1) + 1)
    if len(stops) != finals:
        return content
    array = as_array(source, "observations", observations)
    following = {"next_observations": np.delete(array, np.append(0, stops[:-1]), axis=0)}
    return {**content, keys["observations"]: np.delete(array, stops - 1, axis=0), **following}


def lengths_by_key(
    source_name: str, content: Mapping[Any, Any], rows: int, hints: Hints
) -> tuple[Hints, tuple[str, ...]]:
    """Return the hints with the lengths that a key holds in the place of the key, and the key.

    Raises:
        DemonstrationError: There is no such key, or it does not hold the lengths of the rows.
    """
    key = hints.lengths
    if not isinstance(key, str):
        return hints, ()
    if not is_rows(content.get(key)):
        raise DemonstrationError(
            f"{source_name}: has no array {key!r} that could hold the lengths of trajectories (--lengths); found "
            f"{names(content)}"
        )
    last = ends_of_lengths(source_name, key, content[key], rows)
    return replace(hints, lengths=tuple(np.diff(np.flatnonzero(last), prepend=-1).tolist())), (key,)


def unused_notes(
    content: Mapping[Any, Any], unused: Iterable[Any], rows: int, trajectories: int, whole: str = "the file"
) -> list[str]:
    """Return the notes that name the keys that were not used: a doubt about those that look like boundaries.

    Args:
        content: The values by key.
        unused: The keys that were not used.
        rows: The number of rows, N.
        trajectories: The number of trajectories that were read.
        whole: What the keys are of.
    """
    found = list(unused)
    doubted = [key for key in found if _tells(key, content[key], rows, trajectories)]
    others = [key for key in found if key not in doubted]
    notes = ignored_note(others, whole)
    if doubted:
        notes.append(
            Doubt(
                f"{names(doubted)} of {whole} may tell where trajectories begin, and was not used",
                "unread-boundaries",
                "if it does: store `terminated` and `truncated` for each step, or give the steps of each trajectory "
                "(--lengths, with numbers or with the key that holds them)",
            )
        )
    return notes


def _tells(key: Any, value: Any, rows: int, trajectories: int) -> bool:
    """Whether a key and its value look like boundaries, by name, kind and number of entries."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(key)).lower()
    if not is_rows(value) or not _WORDS.search(name) or _NOT.search(name):
        return False
    try:
        array = as_array("", "entries", value)
    except DemonstrationError:
        return ids_of(value, rows) is not None
    if array.size < _SMALLEST or (array.dtype.kind == "f" and not np.isin(array, (0, 1)).all()):
        return False
    return array.size in (rows, trajectories) or _counts(array.reshape(-1), rows)


def _counts(numbers: Array, rows: int) -> bool:
    """Whether numbers could be lengths of trajectories, or the rows at which they begin or end."""
    if numbers.dtype.kind == "b":
        return False
    whole = numbers.astype(np.int64)
    ascending = bool((np.diff(whole) > 0).all())
    return int(whole.sum()) in (rows, rows + len(whole)) or (
        ascending and (whole[-1] in (rows, rows - 1) or not whole[0])
    )


def in_order(source: str, content: Mapping[Any, Any], rows: int) -> tuple[Mapping[Any, Any], list[str]]:
    """Return the content with rows of several trajectories, which alternate, put in the order of the trajectories.

    There is a note where that was needed.
    """
    for key in BOUNDARIES["ids"]:
        ids = ids_of(content[key], rows) if is_rows(content.get(key)) else None
        if ids is None or rows < 2 or (ids[1:] != ids[:-1]).mean() <= 0.5 or len(np.unique(ids)) > rows / 2:
            continue
        order = np.argsort(ids, kind="stable")
        sorted_rows = {
            name: as_array(source, str(name), value)[order]
            if is_rows(value) and len(value) == rows and name != key
            else value
            for name, value in content.items()
        }
        note = f"rows of several trajectories alternate, as {key!r} says: put in the order of the trajectories"
        return {**sorted_rows, key: ids[order]}, [note]
    return content, []
