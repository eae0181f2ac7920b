"""Reading the replay buffers of Stable-Baselines3, which are recognised without importing the library.

Source: https://github.com/DLR-RM/stable-baselines3, ``common.buffers.ReplayBuffer``, ``DictReplayBuffer`` with
observations of several parts, and ``her.HerReplayBuffer``, whose goals are replaced only in batches. Arrays
have the shape (size, environments, ...) and are ring buffers: the newest row overwrites the oldest. Off-policy
algorithms store actions scaled to [-1, 1], whatever the environment's bounds are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.objects.named_parts import join_parts
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints

_NEEDED = ("observations", "actions", "rewards", "dones", "pos", "full")


def is_replay_buffer(data: Any) -> bool:
    """Whether an object has the attributes of a replay buffer of Stable-Baselines3."""
    return all(hasattr(data, name) for name in _NEEDED)


def read_replay_buffer(source_name: str, buffer: Any, hints: Hints) -> Demonstrations:
    """Read the transitions in the order in which each environment made them, the oldest first.

    Args:
        source_name: What messages call the buffer.
        buffer: The replay buffer; it is not changed.
        hints: What the user and the environment know.

    Raises:
        DemonstrationError: The buffer is empty, or its observations are images.
    """
    observations = buffer.observations
    size, environments = np.shape(buffer.dones)
    for part in observations.values() if isinstance(observations, Mapping) else [observations]:
        if np.ndim(part) < 3:
            raise DemonstrationError(
                f"{source_name}: the replay buffer's observations are of shape {np.shape(part)}; expected (size, "
                "environments, columns)"
            )
    # A buffer without next observations stores the latest one in the place of the oldest observation.
    shares = getattr(buffer, "next_observations", None) is None or bool(getattr(buffer, "optimize_memory_usage", False))
    first = int(buffer.pos) + shares if buffer.full else 0
    count = size - shares if buffer.full else int(buffer.pos)
    if count < 1:
        raise DemonstrationError(f"{source_name}: the replay buffer is empty; expected transitions, fill it first")
    rows = (first + np.arange(count)) % size

    def column(values: Any) -> Array:  # (size, environments, ...) -> (environments * rows, ...)
        chosen: Array = np.asarray(values)[rows].swapaxes(0, 1)
        return chosen.reshape(environments * count, *chosen.shape[2:])

    notes: list[str] = []
    space = getattr(buffer, "observation_space", None)

    def joined(values: Any, notes: list[str]) -> Array:
        if not isinstance(values, Mapping):
            return column(values)
        return join_parts(source_name, {name: column(part) for name, part in values.items()}, space, notes)

    if buffer.full:
        notes.append("the replay buffer is full: its oldest trajectories may lack their beginnings")
    columns = RecordedColumns(
        joined(observations, notes),
        _unscaled(column(buffer.actions), getattr(buffer, "action_space", None), notes),
        next_observations=None if shares else joined(buffer.next_observations, []),
        truncated=None if getattr(buffer, "timeouts", None) is None else column(buffer.timeouts),
        dones=column(buffer.dones),
        starts=np.arange(environments) * count,
        rewards=column(buffer.rewards),
    )
    return from_steps(source_name, columns, hints=hints, notes=notes)


def _unscaled(actions: Array, space: Any, notes: list[str]) -> Array:
    """Scale actions from [-1, 1], in which off-policy algorithms store them, to the environment's bounds."""
    if actions.dtype.kind != "f" or not (hasattr(space, "low") and hasattr(space, "high")):
        return actions
    low, high = np.asarray(space.low).reshape(-1), np.asarray(space.high).reshape(-1)
    if low.shape != actions.shape[1:] or not (np.isfinite(low).all() and np.isfinite(high).all()):
        return actions
    if (np.abs(actions) > 1.0 + 1e-6).any() or ((low == -1).all() and (high == 1).all()):
        return actions
    notes.append(
        f"actions scaled from [-1, 1], in which Stable-Baselines3 stores them, to the action space [{low.min():.4g}, "
        f"{high.max():.4g}]"
    )
    units: Array = low + (actions.astype(np.float64) + 1.0) * (high - low) / 2.0
    return units.astype(actions.dtype)
