"""Bringing observations, actions, flags and rewards to the shapes and dtypes that a trajectory has."""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.demos.trajectory import Array, BoolArray
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.flattening import Flattening, Part
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.stacking import as_array

_EXACT = 2**53  # float64 represents all integers up to this one
_MOST_CHANNELS = 16  # more are a height or a width: the channels are then in another place


def as_observations(source: str, value: Any, name: str = "observations", flattening: Flattening | None = None) -> Array:
    """Return observations as (N, D) floating point, from (N, D) or (N, 1, D). Integers are converted, if exactly.

    Images, (N, H, W, C) uint8, stay as they are. Integers become one-hot columns where the observations of the
    environment are one or several choices, which ``flattening`` tells.

    Raises:
        DemonstrationError: They are images of another kind, have no columns, are not numeric, or are integers beyond
            floating point.
    """
    array = as_array(source, name, value)
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if flattening is not None and array.dtype.kind in "iu" and len(flattening.parts) == 1:
        array = _one_hot(source, name, array, flattening.parts[0])
    if array.ndim == 4 and array.dtype == np.uint8 and array.size and array.shape[3] <= _MOST_CHANNELS:
        return array
    if array.ndim > 2:
        raise DemonstrationError(
            f"{source}: {name} have shape {array.shape} and dtype {array.dtype}, as images do; expected (steps, "
            f"columns), or bytes (uint8) of shape (steps, height, width, channels) with at most {_MOST_CHANNELS} "
            "channels. Move the channels to the end, and convert to uint8"
        )
    if array.dtype.kind == "b" or (array.dtype.kind in "iu" and array.itemsize <= 2):
        array = array.astype(np.float32)  # float32 represents these integers exactly
    elif array.dtype.kind in "iu" and array.size and max(-int(array.min()), int(array.max())) <= _EXACT:
        array = array.astype(np.float64)
    if array.ndim < 2 or array.dtype.kind != "f" or not array.size:
        raise DemonstrationError(
            f"{source}: {name} have shape {array.shape} and dtype {array.dtype}; expected floating point of "
            "shape (steps, columns)"
        )
    return array


def _one_hot(source: str, name: str, array: Array, part: Part) -> Array:
    """Encode (N,), (N, 1) or (N, k) integers of observations that are choices; others are left as they are."""
    if not part.sizes or part.path or array.size != len(array) * len(part.sizes):
        return array
    try:
        return part.columns(array)
    except SpaceMismatchError as error:
        raise DemonstrationError(f"{source}: {name}: {error}") from error


def as_actions(source: str, value: Any, rows: int, hints: Hints) -> Array:
    """Return actions as (N, A) floating point, or as (N,) integers where they are discrete.

    Integers and truth values are taken as discrete unless the environment's actions are continuous. Floating point is
    taken as continuous unless the environment's actions are discrete and all values are whole numbers.

    Raises:
        DemonstrationError: There is not one action for each of the ``rows``.
    """
    array = as_array(source, "actions", value)
    if array.ndim == 0 or len(array) != rows:
        raise DemonstrationError(
            f"{source}: actions have shape {array.shape}, observations {rows} rows; expected one action for each row"
        )
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "b":
        array = array.astype(np.int64)
    if array.dtype.kind in "iu" and hints.act_dim is not None:
        array = array.astype(np.float64)
    if array.dtype.kind == "f" and hints.n_actions is not None and array.size == rows and _whole(array):
        array = array.astype(np.int64)
    if array.dtype.kind in "iu":
        return array.reshape(rows) if array.size == rows else array  # Trajectory refuses a wrong shape
    return array.reshape(rows, 1) if array.ndim == 1 else array


def as_flags(source: str, name: str, value: Any, rows: int) -> BoolArray:
    """Return flags that mark ends of episodes as (N,) bool, from numbers with one for each row.

    Raises:
        DemonstrationError: There is not one for each of the ``rows``, or some are neither 0 nor 1.
    """
    array = _one_for_each(source, name, value, rows)
    if array.dtype.kind != "b" and not np.isin(array, (0, 1)).all():
        raise DemonstrationError(
            f"{source}: {name} hold numbers other than 0 and 1; expected 1 where the episode ended and 0 elsewhere"
        )
    return array.astype(np.bool_)


def as_rewards(source: str, value: Any, rows: int) -> Array:
    """Return rewards as (N,) numbers.

    Raises:
        DemonstrationError: There is not one for each of the ``rows``.
    """
    return _one_for_each(source, "rewards", value, rows)


def _one_for_each(source: str, name: str, value: Any, rows: int) -> Array:
    array = as_array(source, name, value)
    if array.size != rows:
        raise DemonstrationError(f"{source}: {name} have shape {array.shape}; expected ({rows},)")
    return array.reshape(rows)


def _whole(array: Array) -> bool:
    return bool(((np.abs(array) < 2**31) & (array == np.round(array))).all())
