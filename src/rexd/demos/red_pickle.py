"""The pickle of the RED paper's authors: a dict of ``observations`` and ``actions``, trajectories end to end.

Source: https://github.com/RuohanW/RED, folder ``data``. Actions have shape (N, 1, A), and nothing says where a
trajectory begins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.boundaries import cut, find_boundaries
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.demos.unpickler import first_opcodes, load_pickle
from rexd.errors import DemonstrationError

_KNOWN = ("observations", "actions", "rewards")


def sniff(path: Path) -> bool:
    """Whether the file is a pickle whose outermost object is a dict."""
    opcodes = [name for name in first_opcodes(path) if name not in ("PROTO", "FRAME")]
    return opcodes[:1] == ["EMPTY_DICT"] or opcodes[:2] == ["MARK", "DICT"]


def load(path: Path, *, episode_length: int | None = None, max_episode_steps: int | None = None) -> Demonstrations:
    """Read the file and cut it into trajectories.

    Args:
        path: The file.
        episode_length: Steps of each trajectory; None infers it.
        max_episode_steps: The environment's time limit, a hint for the inference.

    Raises:
        UnsafeFileError: The pickle holds more than arrays in builtin containers.
        DemonstrationError: An array is missing or of the wrong shape, or the boundaries are not clear.
    """
    content = load_pickle(path)
    source = str(path)
    if not isinstance(content, dict):
        raise DemonstrationError(f"{source}: holds a {type(content).__name__}; expected a dict of arrays")
    for name in ("observations", "actions"):
        if name not in content:
            raise DemonstrationError(
                f"{source}: has no {name!r}; found {_names(content)}, expected 'observations' and 'actions'. "
                "Imitation needs both the states and what the expert did"
            )
    observations = _observations(source, content["observations"])
    rows = len(observations)
    actions = _actions(source, _array(source, "actions", content["actions"]), rows)
    rewards = _rewards(source, content["rewards"], rows) if "rewards" in content else None
    found = find_boundaries(source, observations, episode_length=episode_length, max_episode_steps=max_episode_steps)
    notes = [found.note]
    if ignored := [key for key in content if key not in _KNOWN]:
        notes.append(f"ignored {_names(ignored)} of the file")
    pieces = cut(source, observations, actions, found.episode_length, rewards)
    return Demonstrations(pieces, source=source, notes=tuple(notes))


def _observations(source: str, value: Any) -> Array:
    if isinstance(value, dict):
        raise DemonstrationError(
            f"{source}: observations are a dict of {_names(value)}; expected one array of shape (steps, columns). "
            "Join the parts into columns (gymnasium.wrappers.FlattenObservation) and record again"
        )
    array = _array(source, "observations", value)
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim > 2:
        raise DemonstrationError(
            f"{source}: observations have shape {array.shape}, as images do; expected (steps, columns). Images are "
            "not supported yet: use the state-based variant of the environment"
        )
    if array.ndim < 2 or not np.issubdtype(array.dtype, np.floating) or not array.size:
        raise DemonstrationError(
            f"{source}: observations have shape {array.shape} and dtype {array.dtype}; expected floating point of "
            "shape (steps, columns)"
        )
    return array


def _actions(source: str, array: Array, rows: int) -> Array:
    if array.ndim == 0 or len(array) != rows:
        raise DemonstrationError(
            f"{source}: actions have shape {array.shape}, observations {rows} rows; expected one action for each"
        )
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if np.issubdtype(array.dtype, np.integer):
        return array.reshape(rows) if array.size == rows else array  # a wrong shape is named by Trajectory
    return array.reshape(rows, 1) if array.ndim == 1 else array


def _rewards(source: str, value: Any, rows: int) -> Array:
    array = _array(source, "rewards", value)
    if array.size != rows:
        raise DemonstrationError(f"{source}: rewards have shape {array.shape}; expected ({rows},)")
    return array.reshape(rows)


def _array(source: str, name: str, value: Any) -> Array:
    if not isinstance(value, np.ndarray):
        raise DemonstrationError(f"{source}: {name} are a {type(value).__name__}; expected one array")
    if value.dtype.hasobject:
        raise DemonstrationError(
            f"{source}: {name} are an object array of shape {value.shape}, as rows of different lengths make; "
            "expected numbers. Store each column as floating point"
        )
    return np.asarray(value)


def _names(keys: Any) -> str:
    return ", ".join(repr(key)[:40] for key in list(keys)[:10]) or "nothing"
