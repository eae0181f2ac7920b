"""The replay buffer of a learner as plain arrays, for checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rexd.errors import RunError

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer

BUFFER_ARRAYS = ("observations", "actions", "next_observations", "rewards", "dones", "timeouts")


def save_buffer(buffer: ReplayBuffer) -> dict[str, NDArray[Any]]:
    """Return the filled part of a Stable-Baselines3 replay buffer, as copies, since the buffer is written over."""
    rows = buffer.size()
    saved = {f"buffer.{name}": getattr(buffer, name)[:rows].copy() for name in BUFFER_ARRAYS}
    return {**saved, "buffer.position": np.array([buffer.pos, buffer.full], np.int64)}


def load_buffer(buffer: ReplayBuffer, saved: dict[str, NDArray[Any]]) -> None:
    """Fill a buffer with what ``save_buffer`` returned.

    Args:
        buffer: The buffer.
        saved: The arrays.

    Raises:
        RunError: An array is missing or does not fit.
    """
    for name in BUFFER_ARRAYS:
        into, rows = getattr(buffer, name), saved.get(f"buffer.{name}")
        if rows is None or rows.shape[1:] != into.shape[1:] or len(rows) > len(into):
            found = None if rows is None else rows.shape
            raise RunError(f"checkpoint: buffer.{name} is {found}; expected up to {into.shape}")
        into[: len(rows)] = rows
    buffer.pos, buffer.full = int(saved["buffer.position"][0]), bool(saved["buffer.position"][1])


def end_running(buffer: ReplayBuffer) -> None:
    """End the episodes under way, as by a time limit, since new ones come next."""
    if buffer.size():
        running = buffer.dones[buffer.pos - 1] == 0.0
        buffer.dones[buffer.pos - 1, running] = buffer.timeouts[buffer.pos - 1, running] = 1.0
