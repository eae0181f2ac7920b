"""Which of two axes is time: (episodes, steps, columns), or (steps, environments, columns) of vectorised collection.

Steps follow one another, while the order of episodes and of environments is arbitrary. Neighbours along the axis of
time are therefore nearer to each other, or foretell each other better, than the same rows in a random order, and along
the other axis they do not. That holds for episodes that are alike step by step too, where two episodes are nearer to
each other than two steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.equal_rows import equal_rows
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import is_rows
from rexd.reading.rows.stacking import as_array

_FLAGS = ("terminated", "truncated", "dones")
_SLICES, _BLOCK = 128, 16  # of a longer axis, blocks of neighbours are compared
_OTHERS = 16  # rows and columns of each slice that are compared
_ORDERS = 200  # random orders of an axis
_RIDGE = 1e-3  # as for the prediction in ``equal_length``
_FEWEST = 6  # slices along an axis of time; fewer are often in order by chance
_LEAST = 0.2  # how much better than in a random order neighbours must fit
_CLEAR = 2.0  # and how many times as much as along the other axis
_LARGEST = np.finfo(np.float32).max  # a larger number is refused later
_JOINED = 0.5  # the share of rows whose next observation must be the neighbour

Float64 = NDArray[np.float64]


def with_episodes_first(
    source: str, columns: Mapping[str, Any], hints: Hints, *, told: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Return columns with the axis of episodes before that of steps, and a note if they were in the other order.

    Args:
        source: The file's name, for messages.
        columns: By the names of ``RecordedColumns``: arrays with two axes before the columns, or lists with one array
            in each place. A list says by itself that these are trajectories, and is turned only where the data say
            clearly that they are steps.
        hints: What the user and the environment know.
        told: Whether the file says that the first axis is that of episodes, as it does by the length of each.

    Raises:
        DemonstrationError: The columns are arrays, and nothing tells which axis is time.
    """
    same, observations = dict(columns), columns["observations"]
    listed = not isinstance(observations, np.ndarray) or observations.dtype.hasobject
    arrays = _stacked(source, columns) if listed else {k: v for k, v in columns.items() if isinstance(v, np.ndarray)}
    if told or arrays is None or arrays["observations"].ndim != 3 or arrays.get("actions", np.empty((1, 1))).ndim < 2:
        return same, []
    first, second = arrays.get("actions", arrays["observations"]).shape[:2]
    steps_first = _tell(arrays, hints, first, second)
    if steps_first is None and not listed:
        raise DemonstrationError(
            f"{source}: observations have shape {arrays['observations'].shape}; expected to see which axis is time, "
            f"but they may be {first} trajectories of {second} steps, or {first} steps of {second} environments. "
            + (
                "Store a list with one array of (steps, columns) for each trajectory"
                if first == second
                else f"Say which: --episode-length {second} for the first, --episode-length {first} for the second "
                "(episode_length in Python)"
            )
        )
    if not steps_first or any(array.ndim > 1 and array.shape[1] != second for array in arrays.values()):
        return same, []
    note = (
        f"the first axis is time: {first} steps of {second} environments, as vectorised collection stores them, were "
        f"read as {second} trajectories of {first} steps"
    )
    return {role: array.swapaxes(0, 1) if array.ndim > 1 else array for role, array in arrays.items()}, [note]


def _tell(arrays: Mapping[str, Array], hints: Hints, first: int, second: int) -> bool | None:
    """Return whether the first axis is time; None where nothing tells."""
    observations = arrays["observations"]
    if observations.shape[:2] != (first, second):  # with the final observation
        return observations.shape[:2] == (first + 1, second)
    if first == 1 or any(array.ndim == 1 for array in arrays.values()):  # one number for each trajectory
        return False
    signs = [_equals(hints.episode_length, first, second)]
    if "next_observations" in arrays:
        signs.append(_chained(observations, arrays["next_observations"]))
    signs += [_last_places(arrays), _continuity(observations), _equals(hints.max_episode_steps, first, second)]
    return next((sign for sign in signs if sign is not None), None)


def _equals(steps: int | None, first: int, second: int) -> bool | None:
    """Return which axis alone has a known number of steps."""
    return steps == first if steps is not None and (steps == first) != (steps == second) else None


def _chained(observations: Array, following: Array) -> bool | None:
    """Return along which axis alone the next observation is the observation of the neighbour."""
    if observations.shape != following.shape or len(observations) < 2 or observations.shape[1] < 2:
        return None
    width = observations.shape[2]
    along_first = equal_rows(observations[1:].reshape(-1, width), following[:-1].reshape(-1, width)).mean()
    along_second = equal_rows(observations[:, 1:].reshape(-1, width), following[:, :-1].reshape(-1, width)).mean()
    if (along_first > _JOINED) == (along_second > _JOINED):
        return None
    return bool(along_first > _JOINED)


def _last_places(arrays: Mapping[str, Array]) -> bool | None:
    """Return which axis has an end in each of its last places, and no end anywhere else."""
    shape = arrays["observations"].shape[:2]
    marked = [arrays[name] for name in _FLAGS if name in arrays]
    flags = [each.reshape(shape) != 0 for each in marked if each.shape[:2] == shape and each.size == math.prod(shape)]
    if not flags:
        return None
    ends = np.logical_or.reduce(flags)
    in_first, in_second = ends[-1].all() and not ends[:-1].any(), ends[:, -1].all() and not ends[:, :-1].any()
    return bool(in_first) if in_first != in_second else None


def _continuity(observations: Array) -> bool | None:
    """Return along which axis alone slices are in order: by their nearness, or else by what each tells of the next."""
    for measure in (_distances, _residuals):
        first, second = _ordered(observations, measure), _ordered(observations.swapaxes(0, 1), measure)
        if max(first, second) >= _CLEAR * max(min(first, second), _LEAST / _CLEAR):
            return first > second
    return None


def _ordered(values: Array, measure: Callable[[Float64, Float64], float]) -> float:
    """Return by how much neighbours along the first axis fit better than slices in a random order, as a share.

    It is 0 where random orders fit as well.
    """
    count = len(values)
    firsts = np.linspace(0, count - _BLOCK, _SLICES // _BLOCK).astype(np.intp) if count > _SLICES else None
    chosen = np.arange(count) if firsts is None else (firsts[:, None] + np.arange(_BLOCK)).reshape(-1)
    if count < _FEWEST or not values.size:
        return 0.0
    some = values[np.ix_(chosen, _spread(values.shape[1]), _spread(values.shape[2]))].astype(np.float64)
    some = np.where(np.abs(some) <= _LARGEST, some, 0.0)  # false for NaN too
    x = some - some.mean(axis=0)
    scale = np.abs(x).mean(axis=(0, 1))
    varying = scale > 1e-8 * (1 + np.abs(some).mean(axis=(0, 1)))
    if not varying.any():
        return 0.0
    x = x[:, :, varying] / scale[varying]
    before = np.flatnonzero(np.diff(chosen) == 1)  # a block may overlap with the next one
    own, random = measure(x[before], x[before + 1]), np.random.default_rng(0)
    orders = [random.permutation(len(x)) for _ in range(_ORDERS)]
    others = np.array([measure(x[order[before]], x[order[before + 1]]) for order in orders])
    as_good = int((others <= own * (1 + 1e-9)).sum())
    # Of six slices there are 720 orders, the recorded one and its reverse among them.
    allowed = 4 * _ORDERS // math.factorial(min(count, 20))
    return float(1 - own / others.mean()) if as_good <= allowed and others.mean() > 0 else 0.0


def _distances(before: Float64, after: Float64) -> float:
    return float(np.abs(after - before).mean())


def _residuals(before: Float64, after: Float64) -> float:
    """Return what a linear prediction of each slice from the one before leaves, as dynamics make it small."""
    x, y = before.reshape(-1, before.shape[-1]), after.reshape(-1, after.shape[-1])
    gram = x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1])
    return float(np.square(y - x @ np.linalg.solve(gram, x.T @ y)).mean())


def _spread(count: int) -> NDArray[np.intp]:
    """Return at most ``_OTHERS`` of so many numbers, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, _OTHERS)).astype(np.intp))


def _stacked(source: str, columns: Mapping[str, Any]) -> dict[str, Array] | None:
    """Return lists of arrays as arrays, or None where the parts of one list differ."""
    for rows in columns.values():
        if len({len(part) if is_rows(part) else 0 for part in rows}) > 1:
            return None
    try:
        return {role: as_array(source, role, rows) for role, rows in columns.items()}
    except DemonstrationError:  # whoever reads each trajectory says in which it is
        return None
