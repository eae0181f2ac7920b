"""The names that tools give to what they record, by what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

NAMES: dict[str, tuple[str, ...]] = {
    "observations": ("observations", "observation", "obs", "states", "state"),
    "actions": ("actions", "action", "acts", "act"),
    "next_observations": (
        "next_observations",
        "next_observation",
        "next_obs",
        "obs_next",
        "next_states",
        "next_state",
    ),
    "rewards": ("rewards", "reward", "rews", "rew"),
    "terminated": ("terminated", "terminations"),
    "truncated": ("truncated", "truncations", "timeouts", "timeout"),
    "dones": ("dones", "done", "terminals", "terminal"),
}
"""Arguments of ``from_steps`` and the keys that hold them; where a file has several, the first is used."""

NEEDED = ("observations", "actions")
"""Without these there is nothing to imitate."""


def find_keys(keys: Iterable[Any]) -> dict[str, Any]:
    """Which key holds which argument of ``from_steps``."""
    present = set(keys)
    found = {role: next((name for name in names if name in present), None) for role, names in NAMES.items()}
    return {role: name for role, name in found.items() if name is not None}


def has_needed(content: Any) -> bool:
    """Whether a mapping has observations and actions under some known names."""
    return isinstance(content, Mapping) and find_keys(content).keys() >= set(NEEDED)


def dimensions(value: Any, *, most: int = 4) -> int | None:
    """Axes of an array or of nested lists of numbers, 0 for a number, None for anything else or more than ``most``."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.ndim if value.ndim <= most else None
    if isinstance(value, int | float | np.number | np.bool_):
        return 0
    if most and (inside := items(value)):
        inner = dimensions(inside[0], most=most - 1)
        return None if inner is None else inner + 1
    return None


def is_rows(value: Any) -> bool:
    """Whether a value is something with one entry for each step: an array with an axis, or a list."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def items(content: Any) -> Sequence[Any]:
    """The members of a list, tuple or array of objects; none of anything else. Lists and tuples are not copied."""
    if isinstance(content, np.ndarray):
        return content.tolist() if content.dtype.hasobject and content.ndim else ()
    return content if isinstance(content, list | tuple) else ()
