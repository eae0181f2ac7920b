"""Reading the rollout buffers of Stable-Baselines3, which are recognised without importing the library.

Source: https://github.com/DLR-RM/stable-baselines3, ``common.buffers.RolloutBuffer`` and ``DictRolloutBuffer``. Arrays
have the shape (steps, environments, ...), until ``get`` makes (environments * steps, ...) of some of them. Actions are
stored as the policy drew them, and clipped to the action space on their way to the environment.
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

_NEEDED = ("observations", "actions", "episode_starts", "returns", "pos", "full")


def is_rollout_buffer(data: Any) -> bool:
    """Whether an object has the attributes of a rollout buffer of Stable-Baselines3."""
    return all(hasattr(data, name) for name in _NEEDED)


def read_rollout_buffer(source_name: str, buffer: Any, hints: Hints) -> Demonstrations:
    """Read the steps of each environment in order.

    Args:
        source_name: What messages call the buffer.
        buffer: The rollout buffer; it is not changed.
        hints: What the user and the environment know.

    Raises:
        DemonstrationError: The buffer is empty, or its observations are images.
    """
    starts = np.asarray(buffer.episode_starts)
    size, environments = starts.shape
    count = size if buffer.full else int(buffer.pos)
    if count < 1:
        raise DemonstrationError(f"{source_name}: the rollout buffer is empty; expected steps, collect some first")

    def column(values: Any) -> Array:  # -> (environments * count, ...)
        array: Array = np.asarray(values)
        if getattr(buffer, "generator_ready", False):
            array = array.reshape(environments, size, *array.shape[1:])
        else:
            array = array.swapaxes(0, 1)
        return array[:, :count].reshape(environments * count, *array.shape[2:])

    notes = [
        "the rollout buffer does not say what ended an episode: counted as truncated",
        "left out the rewards: Stable-Baselines3 adds values to those at time limits",
    ]
    first = starts[:count].T.astype(np.bool_)
    if cut := int((~first[:, 0]).sum()):
        notes.append(f"{cut} trajectories lack their beginnings, which an earlier rollout holds")
    first[:, 0] = True
    observations, space = buffer.observations, getattr(buffer, "observation_space", None)
    if isinstance(observations, Mapping):
        parts = {name: column(values) for name, values in observations.items()}
        joined = join_parts(source_name, parts, space, notes)
    else:
        joined = column(observations)
    actions = column(buffer.actions)
    bounds: Any = getattr(buffer, "action_space", None)
    if hasattr(bounds, "n") and actions.dtype.kind == "f":  # of versions that store all actions as numbers
        actions = actions.astype(np.int64)
    demos = from_steps(
        source_name, RecordedColumns(joined, actions, starts=first.reshape(-1)), hints=hints, notes=notes
    )
    if not hasattr(bounds, "low") or demos.n_actions is not None:
        return demos
    return demos.clip_actions(np.ravel(bounds.low), np.ravel(bounds.high))
