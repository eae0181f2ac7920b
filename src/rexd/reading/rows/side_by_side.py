"""Joining observations that a file stores as several named arrays into one array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rexd.demos.trajectory import Array, BoolArray
from rexd.errors import DemonstrationError
from rexd.flattening import Flattening, as_floats
from rexd.reading.rows.normalise import as_flags
from rexd.reading.rows.stacking import names


def side_by_side(source: str, parts: Mapping[str, Array]) -> Array:
    """Join parts into the columns of one array, in the given order.

    Args:
        source: The file's name and the part of it that is read, for messages.
        parts: (N, ...) numbers by name. Integers and truth values become float32 where it represents them exactly, and
            float64 otherwise.

    Returns:
        (N, D) floating point.

    Raises:
        DemonstrationError: The parts differ in their number of rows.
    """
    rows = {name: len(part) for name, part in parts.items()}
    if len(set(rows.values())) > 1:
        found = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise DemonstrationError(f"{source} has rows of {found[:300]}; expected the same number. Write the file again")
    return np.concatenate([_columns(part) for part in parts.values()], axis=1)


def columns_note(widths: Mapping[str, int]) -> str:
    """Return the note that tells the user which columns belong to each part of the observations."""
    ends = np.cumsum(list(widths.values())).tolist()
    spans = [f"{name!r} {end - width}:{end}" for (name, width), end in zip(widths.items(), ends, strict=True)]
    return f"observation columns are {', '.join(spans)}"


def flattening_notes(flat: Flattening) -> tuple[str, ...]:
    """Return what the user should know of observations of several parts: their columns, and what is left out."""
    left_out = f"left out {names(flat.left_out)} of the observations: images, text and other parts without numbers"
    return (columns_note(flat.widths), *([left_out] if flat.left_out else []))


def last_done(source: str, value: Any, name: str = "dones") -> tuple[BoolArray, int]:
    """Keep the flag of a trajectory's last row alone, and count the other rows that have one.

    Args:
        source: The file's name and the part of it that is read, for messages.
        value: The flags, one for each row of a trajectory that is stored apart.
        name: What the flags are, for messages.

    Returns:
        (T,) bool that is true at most in the last row, and the number of rows before it that are marked.

    Raises:
        DemonstrationError: The flags are not truth values.
    """
    flags = as_flags(source, name, value, len(value))
    kept = np.zeros(len(flags), np.bool_)
    kept[-1:] = flags[-1:]
    return kept, int(flags[:-1].sum())


def _columns(part: Array) -> Array:
    return as_floats(part).reshape(len(part), math.prod(part.shape[1:]))
