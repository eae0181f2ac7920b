"""Observations of several named parts, joined into columns in the order and the encoding of ``gymnasium``'s flatten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.flattening import Flattening
from rexd.reading.rows.side_by_side import flattening_notes
from rexd.reading.rows.stacking import names


def join_parts(source: str, parts: Mapping[str, Array], space: Any, notes: list[str]) -> Array:
    """Join the named parts of observations, (N, ...) each, into (N, D).

    Images and text are left out. Parts of a ``Discrete`` or ``MultiDiscrete`` space become one-hot.

    Args:
        source: What messages call the recording.
        parts: The parts by name.
        space: The space of the observations. None sorts the parts by name, as ``gymnasium.spaces.Dict`` does.
        notes: Takes what was done, for the user.

    Raises:
        DemonstrationError: No part has columns of numbers, or they differ in their number of rows.
    """
    flat = Flattening.of_values(parts, 1) if space is None else Flattening.of(space)
    if not flat.parts:
        raise DemonstrationError(
            f"{source}: the observations are {names(parts)}, and none of them has one row of numbers for a step; "
            "expected a state"
        )
    notes.extend(flattening_notes(flat))
    try:
        return flat.flatten(parts, 1)
    except SpaceMismatchError as error:
        raise DemonstrationError(f"{source}: {error}") from error
