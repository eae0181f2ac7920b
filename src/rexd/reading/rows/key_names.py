"""The names that tools give to observations, actions and other columns, and helpers that look at raw values."""

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
    "terminated": ("terminated", "terminations", "terminateds"),
    "truncated": (
        "truncated",
        "truncations",
        "timeouts",
        "timeout",
        "truncateds",
        "time_outs",
        "time_out",
        "time_limits",
        "TimeLimit.truncated",
    ),
    "dones": ("dones", "done", "terminals", "terminal", "is_done", "is_terminal"),
}
"""The keys that may hold each field of ``Columns``. Where a file has several of them, the first is used."""

EPISODES = ("episode", "episodes", "ep", "eps", "trajectory", "trajectories", "traj", "trajs", "rollout", "demo")
"""What tools call a trajectory."""

NUMBERED = ("id", "ids", "index", "indices", "idx", "number", "num", "nums")
"""What tools append to the name of something that is counted."""

_SHORT = ("episode", "ep", "trajectory", "traj")

BOUNDARIES: dict[str, tuple[str, ...]] = {
    "ends": ("episode_terminals", "episode_terminal", "episode_dones", "dones_float", "done_float", "is_last"),
    "masks": ("masks", "mask", "not_dones", "not_done", "nonterminals", "nonterminal"),
    "ids": (*EPISODES, *(f"{name}_{end}" for name in EPISODES for end in NUMBERED)),
    "lengths": ("lengths", "length", "lens", *(f"{name}_{end}" for name in _SHORT for end in ("lengths", "lens"))),
    "starts": ("episode_starts", "starts", "is_first", *(f"{name}_starts" for name in _SHORT[1:])),
    "last_rows": tuple(f"{name}_ends" for name in _SHORT),
}
"""The keys that tell where trajectories end in other ways than by the flags of ``Columns``.

- ends: true at the last row of each trajectory, whatever ended it.
- masks: false in terminal states (1 - terminal).
- ids: one for each row, which changes from trajectory to trajectory.
- lengths: one for each trajectory.
- starts: the first row of each trajectory, as row numbers or as flags.
- last_rows: cumulative row numbers, those of the last rows or of the rows after them.
"""

NEEDED = ("observations", "actions")
"""The columns without which nothing can be learnt."""


def find_keys(keys: Iterable[Any]) -> dict[str, Any]:
    """Return the key that holds each field of ``Columns``, for the fields that have one."""
    present = set(keys)
    found = {role: next((name for name in names if name in present), None) for role, names in NAMES.items()}
    return {role: name for role, name in found.items() if name is not None}


def has_needed(content: Any) -> bool:
    """Whether an object is a mapping with observations and actions under known names."""
    return isinstance(content, Mapping) and find_keys(content).keys() >= set(NEEDED)


def dimensions(value: Any, *, most: int = 4) -> int | None:
    """Return the number of axes of an array or of nested lists of numbers, and 0 for a number.

    It is None for other objects and for more than ``most`` axes.
    """
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.ndim if value.ndim <= most else None
    if isinstance(value, int | float | np.number | np.bool_):
        return 0
    if most and (inside := items(value)):
        inner = dimensions(inside[0], most=most - 1)
        return None if inner is None else inner + 1
    return None


def is_rows(value: Any) -> bool:
    """Whether a value can have one entry for each step: it is an array with an axis, a list or a tuple."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def items(content: Any) -> Sequence[Any]:
    """Return the members of a list, tuple or array of objects, and none for other objects.

    Lists and tuples are not copied.
    """
    if isinstance(content, np.ndarray):
        return content.tolist() if content.dtype.hasobject and content.ndim else ()
    return content if isinstance(content, list | tuple) else ()
