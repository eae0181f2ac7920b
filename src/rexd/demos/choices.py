"""Discrete actions: one choice, or several at the same time, and their one-hot columns.

An integer n stands for one choice among n, as in Gymnasium's Discrete(n). A tuple has the number of options of each of
several choices, as in MultiDiscrete; MultiBinary(k) is k choices among two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ActionCount = int | tuple[int, ...]
"""The number of options of a choice, or of each of several choices."""


def factors_of(count: ActionCount) -> tuple[int, ...]:
    """Return the number of options of each choice."""
    return (count,) if isinstance(count, int) else count


def describe(count: ActionCount) -> str:
    """Return the number of actions in words."""
    return f"{count} discrete actions" if isinstance(count, int) else f"discrete choices among {list(count)} options"


def one_hot(act: NDArray[Any], count: ActionCount) -> NDArray[np.float32]:
    """Return the one-hot columns of all choices side by side.

    Args:
        act: (...) integers for one choice, or (..., k) for k choices, each from 0 to below its number of options.
        count: The numbers of options.

    Returns:
        (..., columns) float32, with as many columns as there are options in all.
    """
    chosen = act[..., None] if isinstance(count, int) else act
    parts = [
        (chosen[..., k, None] == np.arange(options)).astype(np.float32) for k, options in enumerate(factors_of(count))
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
