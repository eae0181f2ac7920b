"""Observations of several named parts, joined into columns in the order and the encoding of ``gymnasium``'s flatten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.rows.side_by_side import columns_note, side_by_side
from rexd.reading.rows.stacking import names


def join_parts(source: str, parts: Mapping[str, Array], spaces: Mapping[str, Any] | None, notes: list[str]) -> Array:
    """Join the named parts of observations, (N, ...) each, into (N, D).

    Images and text are left out. Parts of a ``Discrete`` or ``MultiDiscrete`` space become one-hot.

    Args:
        source: What messages call the recording.
        parts: The parts by name.
        spaces: The space of each part, in the order in which they are joined. None sorts the parts by name, as
            ``gymnasium.spaces.Dict`` does.
        notes: Takes what was done, for the user.

    Raises:
        DemonstrationError: No part has columns of numbers, or they differ in their number of rows.
    """
    order = sorted(parts) if not spaces else [name for name in spaces if name in parts]
    used = [name for name in order if is_columns(parts[name])]
    if not used:
        raise DemonstrationError(
            f"{source}: the observations are {names(parts)}, and none of them has one row of numbers for a step; "
            "expected a state. Images and text are not supported"
        )
    if left_out := [name for name in order if name not in used]:
        notes.append(f"left out {names(left_out)} of the observations: images or text")
    encoded = {name: _encoded(parts[name], (spaces or {}).get(name)) for name in used}
    notes.append(columns_note({name: int(np.prod(part.shape[1:])) for name, part in encoded.items()}))
    return side_by_side(source, encoded)


def is_columns(part: Array) -> bool:
    """Whether (N, ...) are numbers that are no image: images are bytes, or have more than two axes for each step."""
    return part.dtype.kind in "biuf" and part.ndim <= (2 if part.dtype == np.uint8 else 3)


def _encoded(part: Array, space: Any) -> Array:
    """Return the columns of a part, one-hot for a space of choices."""
    sizes = np.atleast_1d(getattr(space, "nvec", getattr(space, "n", 0))).reshape(-1)
    rows = part.reshape(len(part), -1)
    # MultiBinary has a number n too, but as many columns as that, each 0 or 1 already
    if not sizes.all() or part.dtype.kind not in "iu" or rows.shape[1] != len(sizes):
        return part
    starts = np.broadcast_to(np.ravel(getattr(space, "start", 0)), sizes.shape)
    choices = zip(rows.T, sizes, starts, strict=True)
    return np.concatenate([column[:, None] == start + np.arange(size) for column, size, start in choices], axis=1)
