"""The ends of trajectories, from all the keys under which tools record them, for rows that are stored end to end.

What the keys say is compared. Where they contradict one another, the one that records more trajectories is used, and
a ``Doubt`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rexd.demos.doubt import Doubt
from rexd.demos.trajectory import Array, BoolArray
from rexd.errors import DemonstrationError
from rexd.reading.rows.ends.episode_ends import RecordedEnds, rows_before, true_at_ends
from rexd.reading.rows.key_names import BOUNDARIES, NAMES, is_rows
from rexd.reading.rows.normalise import as_flags
from rexd.reading.rows.stacking import as_array

FLAGS = ("terminated", "truncated", "dones")
"""The fields of ``RecordedColumns`` that mark ends row by row."""


@dataclass(frozen=True, eq=False)
class KeyedEnds:
    """What the keys of a file say about the ends of its trajectories.

    Attributes:
        ends: The ends, without gaps.
        used: The keys that were understood.
        notes: What was found and done, one sentence each, for the user.
    """

    ends: RecordedEnds
    used: frozenset[Any]
    notes: tuple[str, ...]


@dataclass(eq=False)
class _Found:
    """What is found while the keys are read."""

    source: str
    rows: int
    content: Mapping[Any, Any]
    used: set[Any] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def present(self, spellings: tuple[str, ...]) -> list[str]:
        return [key for key in spellings if is_rows(self.content.get(key))]

    def flags(self, key: str) -> BoolArray:
        self.used.add(key)
        return as_flags(self.source, key, self.content[key], self.rows)


def has_boundaries(content: Mapping[Any, Any]) -> bool:
    """Whether one of the keys that tell where trajectories end is there, with rows under it."""
    spellings = (*(NAMES[role] for role in FLAGS), *BOUNDARIES.values())
    return any(is_rows(content.get(key)) for keys in spellings for key in keys)


def read_ends(source_name: str, content: Mapping[Any, Any], rows: int) -> KeyedEnds:
    """Read all keys that tell where trajectories end.

    Args:
        source_name: The file's name, for messages.
        content: The values by key.
        rows: The number of rows, N.

    Raises:
        DemonstrationError: A flag is neither 0 nor 1, or lengths, starts or last rows do not fit the rows.
    """
    found = _Found(source_name, rows, content)
    terminated, truncated, dones = _read_flags(found)
    marked = np.zeros(rows, np.bool_)
    for flags in (terminated, truncated, dones):
        marked |= False if flags is None else flags
    boundaries = _read_boundaries(found)
    starts: Array | None = None
    if boundaries:
        key, last = max(boundaries.items(), key=lambda item: int(item[1].sum()))
        for other, its in boundaries.items():
            if (its != last)[:-1].any():
                found.conflicts.append(f"{other!r} tells {_count(its)} and {key!r} {_count(last)}: used {key!r}")
        if (beyond := int((marked & ~last)[:-1].sum())) == 0:
            starts = np.flatnonzero(np.append(True, last[:-1]))
        elif marked[:-1].sum() > last[:-1].sum():
            found.conflicts.append(
                f"{key!r} tells {_count(last)}, and the marked ends {_count(marked)}: used the marked ends"
            )
        else:
            found.conflicts.append(
                f"{key!r} tells {_count(last)}, but {beyond} ends are marked elsewhere: left these out"
            )
            starts = np.flatnonzero(np.append(True, last[:-1]))
            terminated, truncated, dones = (
                None if flags is None else flags & last for flags in (terminated, truncated, dones)
            )
    if found.conflicts:
        found.notes.append(
            Doubt(
                f"the file contradicts itself about the ends of its trajectories: {'; '.join(found.conflicts)}",
                "contradicting-ends",
                "remove what is wrong from the file, or give the right lengths to what is left (--lengths)",
            )
        )
    ends = RecordedEnds(terminated, truncated, dones, starts)
    return KeyedEnds(ends, frozenset(found.used), tuple(found.notes))


def _count(last: BoolArray) -> str:
    count = int(last[:-1].sum()) + 1
    return "1 trajectory" if count == 1 else f"{count} trajectories"


def _read_flags(found: _Found) -> tuple[BoolArray | None, BoolArray | None, BoolArray | None]:
    """Return ``terminated``, ``truncated`` and ``dones``, of all the flags and masks that are there."""
    terminated, truncated = (_first(found, role) for role in ("terminated", "truncated"))
    marks = {key: true_at_ends(key, found.flags(key), found.notes) for key in found.present(NAMES["dones"])}
    if len(marks) > 1:  # `terminals` may be false in all rows beside `dones`; the reverse says nothing
        marks = {key: flags for key, flags in marks.items() if flags.any() or "termin" in key} or marks
    for key in found.present(BOUNDARIES["masks"]):
        unmasked = _unmasked(found.flags(key))
        if unmasked.any() or not marks:  # a mask of all rows, as for padding, does not overrule marked ends
            terminated = unmasked if terminated is None else terminated | unmasked
    whole = dict(marks)  # flags of ends, whatever ended the trajectory
    for key in _marked_ends(found):
        whole[key] = true_at_ends(key, found.flags(key), found.notes)
    dones: BoolArray | None = None
    if terminated is None and (first := _fewest(marks)):
        dones = whole.pop(first)
    elif terminated is None and whole:  # what ended the trajectories is not told
        return None, truncated, np.logical_or.reduce(list(whole.values()))
    states = dones if terminated is None else terminated
    for key, flags in whole.items():
        if states is not None and (missing := int((states & ~flags)[:-1].sum())):
            found.conflicts.append(f"{key!r} does not mark {missing} of the terminal states")
        beyond = flags if states is None else flags & ~states
        truncated = beyond if truncated is None else truncated | beyond
    return terminated, truncated, dones


def _first(found: _Found, role: str) -> BoolArray | None:
    """Return the flags under the first of the names of a role; the others count as copies if they are equal."""
    keys = found.present(NAMES[role])
    if not keys:
        return None
    flags = found.flags(keys[0])
    if role == "terminated":
        flags = true_at_ends(keys[0], flags, found.notes)
    for key in keys[1:]:
        if (found.flags(key) != flags).any():
            found.conflicts.append(f"{keys[0]!r} and {key!r} differ: used {keys[0]!r}")
    return flags


def _fewest(marks: Mapping[str, BoolArray]) -> str | None:
    """Return the key that marks the fewest rows: where several mark ends, it is the one of terminal states alone."""
    return min(marks, key=lambda key: int(marks[key].sum()), default=None)


def _marked_ends(found: _Found) -> list[str]:
    """Return the keys that mark the last rows of trajectories, one entry for each row."""
    flagged = [key for key in found.present(BOUNDARIES["last_rows"]) if _is_flags(found, key)]
    return [*found.present(BOUNDARIES["ends"]), *flagged]


def _unmasked(mask: BoolArray) -> BoolArray:
    """Return the terminal states of a mask; one that marks few rows has been inverted already."""
    return ~mask if np.count_nonzero(mask) * 2 >= len(mask) else mask


def _read_boundaries(found: _Found) -> dict[str, BoolArray]:
    """Return the last row of each trajectory, (N,), for each key that tells all of them."""
    tells: dict[str, BoolArray] = {}
    for key in found.present(BOUNDARIES["ids"]):
        ids = ids_of(found.content[key], found.rows)
        if ids is not None:
            tells[key] = np.append(ids[1:] != ids[:-1], True)
    for key in found.present(BOUNDARIES["lengths"]):
        sizes = as_array(found.source, "lengths of trajectories", found.content[key])
        if sizes.size != found.rows or sizes.sum() == found.rows:  # one for each row is a fact about the row
            tells[key] = ends_of_lengths(found.source, key, sizes, found.rows)
    for key in found.present(BOUNDARIES["starts"]):
        starts = as_array(found.source, "starts of trajectories", found.content[key])
        if starts.size == found.rows:
            starts = as_flags(found.source, key, starts, found.rows)
        tells[key] = rows_before(found.source, starts, found.rows)
        tells[key][-1] = True
    for key in found.present(BOUNDARIES["last_rows"]):
        if not _is_flags(found, key):
            tells[key] = _last_rows(found.source, key, found.content[key], found.rows)
    found.used |= tells.keys()
    return tells


def ids_of(value: Any, rows: int) -> Array | None:
    """Return the number or name of the trajectory of each row, (N,), or None where a value is something else."""
    try:
        ids = value if isinstance(value, np.ndarray) and value.dtype.kind in "US" else as_array("", "ids", value)
    except DemonstrationError:
        texts = list(value)
        if not all(isinstance(text, str) for text in texts):
            return None
        ids = np.array(texts)
    usable = ids.size == rows and (ids.dtype.kind != "f" or np.isfinite(ids).all())
    return ids.reshape(rows) if usable else None


def ends_of_lengths(source: str, key: str, value: Any, rows: int) -> BoolArray:
    """Return the last rows of trajectories, (N,), from the length of each, the final observation counted or not.

    Raises:
        DemonstrationError: They are no lengths, or do not sum to the number of rows.
    """
    found = as_array(source, "lengths of trajectories", value).reshape(-1)
    if found.dtype.kind not in "iuf" or not np.isfinite(found).all() or (found < 0).any() or (found % 1).any():
        raise DemonstrationError(f"{source}: {key!r} holds {found[:5]} as lengths; expected whole numbers")
    total, count = float(found.sum()), len(found)
    if total not in (rows, rows + count):
        raise DemonstrationError(
            f"{source}: {key!r} holds {count} lengths that sum to {total:.0f}, for {rows} steps; expected {rows}, or "
            f"{rows + count} where each counts the final observation too. Remove {key!r}, or give the right lengths "
            "(--lengths) without it"
        )
    lengths = found.astype(np.int64) - (total != rows)
    last = np.zeros(rows, np.bool_)
    last[np.cumsum(lengths[lengths > 0]) - 1] = True
    return last


def _is_flags(found: _Found, key: str) -> bool:
    """Whether a value has one entry for each row, each 0 or 1."""
    array = np.asarray(found.content[key])
    return array.size == found.rows > 1 and array.dtype.kind in "biuf" and bool(np.isin(array, (0, 1)).all())


def _last_rows(source: str, key: str, value: Any, rows: int) -> BoolArray:
    """Return the last rows of trajectories, (N,), from their numbers or those of the rows after them."""
    found = as_array(source, "ends of trajectories", value).reshape(-1)
    whole = found.size and found.dtype.kind in "iuf" and np.isfinite(found).all() and not (found % 1).any()
    if not whole or found[0] < 0 or (np.diff(found) <= 0).any() or found[-1] not in (rows, rows - 1):
        raise DemonstrationError(
            f"{source}: {key!r} holds {found[:5]} as the ends of trajectories, for {rows} steps; expected ascending "
            f"row numbers up to {rows} (of the rows after the last ones) or {rows - 1} (of the last ones). Remove it, "
            "or give the right lengths (--lengths) without it"
        )
    last = np.zeros(rows, np.bool_)
    last[found.astype(np.int64) - (found[-1] == rows)] = True
    return last
