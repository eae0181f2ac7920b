"""Demonstrations from objects in memory: arrays, rollouts, replay buffers, and datasets of other libraries."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError
from rexd.reading.containers.held import Held
from rexd.reading.environment_facts import environment_facts, make_hints
from rexd.reading.formats import dict_parts
from rexd.reading.formats.contents import read_content
from rexd.reading.load import fit
from rexd.reading.replay_buffers import is_replay_buffer, read_replay_buffer
from rexd.reading.rows.dict_observations import has_parts
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_steps import check_episode_length
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import find_keys, has_needed

_NAME = "memory"
_DEPTH = 6  # how deep lists and dicts within one another are converted
_MINARI = ("observations", "actions", "rewards", "terminations", "truncations")
_IMITATION = ("obs", "acts", "rews", "terminal", "next_obs", "dones")
_PLAIN = (np.ndarray, np.generic, float, int, str, bytes, type(None))


def to_demonstrations(
    data: Any,
    *,
    env: Any = None,
    episode_length: int | None = None,
    action_bounds: tuple[ArrayLike, ArrayLike] | None = None,
    columns: Sequence[int] | slice | None = None,
) -> Demonstrations:
    """Make demonstrations from data in memory, in a layout that files have or as objects of other libraries.

    ``data`` is one of

    - a dict of arrays, such as ``{"observations": ..., "actions": ..., "terminations": ..., "truncations": ...}``,
      each with all rows end to end, of shape (B, T, columns), or a list with one array for each trajectory;
    - a list of trajectories, each a dict of arrays, with the final observation or without it;
    - a list of transitions, each a dict (``obs``, ``action``, ``reward``, ``next_obs``, ``done``), a named tuple, or a
      tuple (observation, action, reward, next observation, terminated, truncated) or shorter;
    - one array whose columns are observations and actions, where ``columns`` or ``env`` tells them apart;
    - a replay buffer of Stable-Baselines3;
    - a Minari dataset, or a list of its episodes;
    - trajectories or transitions of imitation;
    - a list of ``rexd.Trajectory``.

    Torch tensors and JAX arrays are accepted wherever numpy arrays are. The data are copied and never changed.

    Args:
        data: The data, in one of the layouts above.
        env: A Gymnasium id or an environment. Columns are checked against its spaces, and actions are clipped to its
            bounds.
        episode_length: The number of steps of each trajectory, for data that do not record where a trajectory begins.
            None infers it.
        action_bounds: The lowest and the highest action, each a number or one number for each column. Actions are
            clipped to them.
        columns: The observation columns to keep, such as ``slice(0, 27)``.

    Returns:
        The demonstrations, whose ``notes`` say what was done to the data.

    Raises:
        DemonstrationError: The data cannot be used; the message says what to do.
        SpaceMismatchError: The demonstrations do not fit the environment, or its spaces are not supported.
        TaskError: The environment cannot be made.

    Examples:
        >>> rows = {"obs": np.zeros((6, 3)), "acts": np.zeros((6, 2)), "dones": [0, 0, 1, 0, 0, 1]}
        >>> [len(trajectory) for trajectory in to_demonstrations(rows)]
        [3, 3]
    """
    facts = None if env is None else environment_facts(env)
    hints = make_hints(facts, episode_length, columns)
    demos, selected = _read(data, hints)
    check_episode_length(demos, episode_length)
    if columns is not None and not selected:
        demos = demos.select_columns(columns)
    return fit(replace(demos, trajectories=tuple(map(_own, demos.trajectories))), facts, action_bounds)


def _read(data: Any, hints: Hints) -> tuple[Demonstrations, bool]:
    """Return the demonstrations, and whether ``hints.columns`` are selected already."""
    if isinstance(data, str | Path):
        raise DemonstrationError(
            f"{str(data)[:200]!r} is a name, not data; read files and datasets with load_demonstrations"
        )
    if isinstance(data, Demonstrations):
        return data, False
    if is_replay_buffer(data):
        return read_replay_buffer(_NAME, data, hints), False
    env_id = None
    if hasattr(data, "iterate_episodes"):
        env_id = getattr(getattr(data, "env_spec", None), "id", None)
        data = data.iterate_episodes()
    if isinstance(data, Iterator | deque):
        data = list(data)
    if isinstance(data, list | tuple) and len(data):
        if all(isinstance(item, Trajectory) for item in data):
            return Demonstrations(tuple(data), source=_NAME), False
        if all(_attributes(item) for item in data):
            demos = _read_episodes([_roles(_attributes(item)) for item in data], hints)
            return replace(demos, env_id=env_id if isinstance(env_id, str) else None), False
    if isinstance(data, Trajectory):
        return Demonstrations((data,), source=_NAME), False
    if attributes := _attributes(data):  # one episode, or transitions of imitation end to end
        if "next_obs" in attributes or "dones" in attributes:
            return read_content(Held(_NAME, attributes), hints), True
        return _read_episodes([_roles(attributes)], hints), False
    content = _plain(data, _DEPTH)
    return read_content(Held(_NAME, content), hints), True


def _read_episodes(episodes: list[dict[str, Any]], hints: Hints) -> Demonstrations:
    if has_parts(episodes, hints.flattening):
        return dict_parts.load(Held(_NAME, episodes), hints)
    return from_episodes(_NAME, episodes, hints=hints)


def _attributes(item: Any) -> dict[str, Any]:
    """Return the arrays of an episode of Minari or a trajectory of imitation; nothing for other objects."""
    if isinstance(item, Mapping | Sequence | np.ndarray):
        return {}
    for names, needed in ((_MINARI, _MINARI), (_IMITATION, ("obs", "acts"))):
        if all(hasattr(item, name) for name in needed):
            found = {name: _plain(getattr(item, name), _DEPTH) for name in names if hasattr(item, name)}
            return {name: value for name, value in found.items() if value is not None}
    return {}


def _roles(attributes: dict[str, Any]) -> dict[str, Any]:
    """Rename arrays to the names that ``Columns`` gives them."""
    keys = find_keys(attributes)
    return {role: attributes[key] for role, key in keys.items()}


def _plain(value: Any, depth: int) -> Any:
    """Convert data to arrays, lists, tuples and dicts, as the unpickler of files returns; plain rows are not copied."""
    if isinstance(value, _PLAIN) or depth == 0:
        return value
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return value.detach().cpu().numpy()
    if isinstance(value, Mapping):
        return {key: _plain(item, depth - 1) for key, item in value.items()}
    if hasattr(value, "_asdict") and has_needed(value._asdict()):
        return _plain(value._asdict(), depth)
    if isinstance(value, list | tuple | deque):
        rows = value if type(value) in (list, tuple) else list(value)
        if _is_plain(rows):
            return rows
        made = [_plain(item, depth - 1) for item in rows]
        return tuple(made) if isinstance(value, tuple) else made
    return np.asarray(value) if hasattr(value, "__array__") else value


def _is_plain(rows: Iterable[Any]) -> bool:
    """Whether rows need no conversion. The set of types is small even for a million rows, so that this is fast."""
    kinds = set(map(type, rows))
    if kinds == {dict}:
        kinds = set(map(type, chain.from_iterable(row.values() for row in rows)))
    elif kinds and kinds <= {list, tuple}:
        kinds = set(map(type, chain.from_iterable(rows)))
    return all(issubclass(kind, _PLAIN) for kind in kinds)


def _own(trajectory: Trajectory) -> Trajectory:
    """Copy the arrays of a trajectory, as a replay buffer may overwrite its rows later."""
    values: dict[str, Any] = {item.name: getattr(trajectory, item.name) for item in fields(trajectory)}
    return replace(trajectory, **{name: value.copy() for name, value in values.items() if value is not None})
