"""Making one array from many parts: rows that a file stores as objects, or trajectories that it stores apart.

A pickle can refer to one array or list a million times, with a few bytes for each reference. Before anything is
allocated, the size of the result is therefore compared with the memory that the parts themselves take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.npz import memory_limit
from rexd.reading.rows.key_names import items

_NUMBERS = (int, float, np.number, np.bool_)
_SHARING = 16  # how often the parts may be repeated: real recordings share a row with the row before, or a constant
_DEPTH = 4  # how deep lists may be nested: rows, and the three axes of an image


def stack(source: str, name: str, rows: Sequence[Any]) -> Array:
    """Stack rows into one array. The rows are numbers, arrays of equal shape, or lists of equal length.

    Args:
        source: The file's name, for messages.
        name: What the rows are, in the plural, for messages.
        rows: The N rows.

    Returns:
        (N, ...) numbers.

    Raises:
        DemonstrationError: The rows differ in shape, are not numbers, or repeat far less memory than they claim.
    """
    return _stack(source, name, rows, _DEPTH)


def join(source: str, name: str, parts: Sequence[Any]) -> Array:
    """Join arrays or lists of rows, one for each trajectory, end to end.

    Args:
        source: The file's name, for messages.
        name: What the rows are, in the plural, for messages.
        parts: The rows of each trajectory, (T, ...).

    Returns:
        (N, ...), all rows.

    Raises:
        DemonstrationError: The trajectories differ in more than their length, or are not numbers.
    """
    own: dict[int, Array] = {}  # a part that is repeated is stacked once
    arrays: list[Array] = []
    for number, part in enumerate(parts):
        if id(part) not in own:
            own[id(part)] = as_array(f"{source}: trajectory {number}", name, part)
        array = own[id(part)]
        if array.ndim == 0 or (arrays and array.shape[1:] != arrays[0].shape[1:]):
            expected = f"(steps, {', '.join(map(str, arrays[0].shape[1:]))}) as before" if arrays else "one for a step"
            raise DemonstrationError(
                f"{source}: trajectory {number}: {name} have shape {array.shape}; expected {expected}. Drop that "
                "trajectory, or record all with the same environment"
            )
        arrays.append(array)
    if not arrays:
        raise DemonstrationError(f"{source}: has no trajectories; expected at least one, record it again")
    _check_claim(source, name, sum(a.nbytes for a in own.values()), sum(a.nbytes for a in arrays))
    return np.concatenate(arrays)


def flatten(source: str, trajectories: Iterable[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """Join lists or arrays of rows, one for each trajectory, into one list of rows.

    Returns:
        The rows, and the number of the first row of each trajectory. Empty trajectories are left out.

    Raises:
        DemonstrationError: The same lists are repeated more often than in real recordings.
    """
    own: dict[int, Sequence[Any]] = {}
    parts = [own.setdefault(id(part), own.get(id(part)) or items(part)) for part in trajectories]
    parts = [part for part in parts if len(part)]
    _check_claim(source, "rows", 8 * sum(map(len, own.values())), 8 * sum(map(len, parts)))
    starts = np.cumsum([0, *map(len, parts[:-1])], dtype=np.intp)
    return list(chain.from_iterable(parts)), starts


def as_array(source: str, name: str, value: Any) -> Array:
    """Return a value as one array of numbers. Lists and arrays of objects are stacked.

    Raises:
        DemonstrationError: The value is something else, or its rows differ.
    """
    if isinstance(value, list | tuple):
        return stack(source, name, value)
    if not isinstance(value, np.ndarray):
        raise _no_array(source, name, value)
    if not value.dtype.hasobject:
        return _numbers(source, name, np.asarray(value))
    try:
        return stack(source, name, value.tolist() if value.ndim else [value.item()])
    except DemonstrationError as error:
        raise DemonstrationError(
            f"{source}: {name} are an object array of shape {value.shape}, as rows of different lengths "
            f"become; expected numbers. Store each column as floating point ({error})"
        ) from error


def names(keys: Iterable[Any]) -> str:
    """Return the first keys of a dict, for messages."""
    return ", ".join(repr(key)[:40] for key in list(keys)[:10]) or "nothing"


def ignored_note(keys: Iterable[Any], whole: str = "the file") -> list[str]:
    """Return the note that names what of a file or of its parts was not used; no note if there is no such key."""
    found = list(keys)
    return [f"ignored {names(found)} of {whole}"] if found else []


def _stack(source: str, name: str, rows: Sequence[Any], depth: int) -> Array:
    kinds = set(map(type, rows))  # few, so that the checks below are fast for a million rows
    if any(issubclass(kind, np.ndarray) for kind in kinds):
        if not all(issubclass(kind, np.ndarray) for kind in kinds):
            rows = [row if isinstance(row, np.ndarray) else as_array(source, name, [row])[0] for row in rows]
        return _stack_arrays(source, name, rows, depth)
    if kinds and kinds <= {list, tuple}:
        return _stack_lists(source, name, rows, depth)
    for number, row in enumerate(rows) if not all(issubclass(kind, _NUMBERS) for kind in kinds) else ():
        if not isinstance(row, _NUMBERS):
            raise _no_array(f"{source}: row {number}", name, row)
    return _numbers(source, name, np.array(rows) if len(rows) else np.empty(0, object))


def _stack_arrays(source: str, name: str, rows: Sequence[Any], depth: int) -> Array:
    _check_equal(source, name, "shape", {row.shape for row in rows}, rows, lambda row: row.shape)
    dtypes = {row.dtype for row in rows}
    _check_sharing(source, name, rows, rows[0].size * max(dtype.itemsize for dtype in dtypes))
    if any(dtype.hasobject for dtype in dtypes):
        return _stack(source, name, [row.tolist() for row in rows], depth - 1)
    return _numbers(source, name, _join_bytes(rows, dtypes.pop()) if len(dtypes) == 1 else np.array(rows))


def _join_bytes(rows: Sequence[Any], dtype: np.dtype[Any]) -> Array:
    """Do the same as ``numpy.array(rows)``, in half the time for a million short rows."""
    try:
        return np.frombuffer(b"".join(rows), dtype).reshape(len(rows), *rows[0].shape)
    except (TypeError, ValueError):  # a row is not contiguous, or has no columns
        return np.array(rows)


def _stack_lists(source: str, name: str, rows: Sequence[Any], depth: int) -> Array:
    if depth == 0:
        raise DemonstrationError(f"{source}: {name} are lists within lists within lists; expected rows of numbers")
    _check_equal(source, name, "length", set(map(len, rows)), rows, len)
    _check_sharing(source, name, rows, 8 * len(rows[0]))
    flat = _stack(source, name, list(chain.from_iterable(rows)), depth - 1)
    return flat.reshape(len(rows), len(rows[0]), *flat.shape[1:])


def _numbers(source: str, name: str, array: Array) -> Array:
    if array.dtype.kind not in "biuf":
        found = f"of dtype {array.dtype}" if array.size else "missing"
        raise DemonstrationError(f"{source}: {name} are {found}; expected numbers")
    return array


def _check_equal(
    source: str, name: str, what: str, found: set[Any], rows: Sequence[Any], of: Callable[[Any], Any]
) -> None:
    if len(found) > 1:
        number, row = next((number, row) for number, row in enumerate(rows) if of(row) != of(rows[0]))
        raise DemonstrationError(
            f"{source}: {name} have {what} {of(row)} in row {number} and {of(rows[0])} in row 0; expected the same in "
            "every row. Drop the rows that differ, or record again"
        )


def _check_sharing(source: str, name: str, rows: Sequence[Any], size: int) -> None:
    claimed = size * len(rows)
    if claimed > memory_limit(0):  # counting distinct rows is slow, so that small arrays skip it
        _check_claim(source, name, size * len(set(map(id, rows))), claimed)


def _check_claim(source: str, name: str, own: int, claimed: int) -> None:
    if claimed > memory_limit(own, _SHARING):
        raise DemonstrationError(
            f"{source}: {name} repeat {own} bytes up to {claimed}; the file is damaged or made to exhaust memory"
        )


def _no_array(source: str, name: str, value: Any) -> DemonstrationError:
    if isinstance(value, dict):
        return DemonstrationError(
            f"{source}: {name} are a dict of {names(value)}; expected one array of shape (steps, columns). "
            "Join the parts into columns (gymnasium.wrappers.FlattenObservation) and record again"
        )
    return DemonstrationError(f"{source}: {name} are a {type(value).__name__}; expected one array of numbers")
