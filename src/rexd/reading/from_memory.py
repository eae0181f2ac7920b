"""Demonstrations from objects in memory: arrays, rollouts, buffers, and datasets of other libraries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
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
from rexd.reading.objects.pairs import arrays_of_pair, is_pair
from rexd.reading.objects.plain import is_stream, plain
from rexd.reading.objects.replay_buffers import is_replay_buffer, read_replay_buffer
from rexd.reading.objects.rlds import is_rlds, read_rlds
from rexd.reading.objects.rollout_buffers import is_rollout_buffer, read_rollout_buffer
from rexd.reading.rows.dict_observations import has_parts
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_steps import check_lengths
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import find_keys

_NAME = "memory"
_MINARI = ("observations", "actions", "rewards", "terminations", "truncations")
_IMITATION = ("obs", "acts", "rews", "terminal", "next_obs", "dones")
_D3RLPY = ("observations", "actions", "rewards", "terminated")


def to_demonstrations(
    data: Any,
    *,
    env: Any = None,
    episode_length: int | None = None,
    lengths: Sequence[int] | str | None = None,
    action_bounds: tuple[ArrayLike, ArrayLike] | None = None,
    columns: Sequence[int] | slice | None = None,
) -> Demonstrations:
    """Make demonstrations from data in memory, in a layout that files have or as objects of other libraries.

    ``data`` is one of

    - a dict of arrays, such as ``{"observations": ..., "actions": ..., "terminations": ..., "truncations": ...}``,
      each with all rows end to end, of shape (B, T, columns), or (T, B, columns) as B environments give them step by
      step, or a list with one array for each trajectory;
    - a list of trajectories, each a dict of arrays, with the final observation or without it;
    - a list of transitions, each a dict (``obs``, ``action``, ``reward``, ``next_obs``, ``done``), a named tuple, or a
      tuple (observation, action, reward, next observation, terminated, truncated) or shorter;
    - a pair ``(observations, actions)``, a tuple of two arrays. One trajectory has observations of shape (T, D), or
      (T + 1, D) with the final one, and actions of shape (T, A), or (T,) of a discrete action space. Several
      trajectories are two lists of such arrays, or two arrays with one more dimension in front;
    - one array whose columns are observations and actions, where ``columns`` or ``env`` tells them apart;
    - a replay buffer or a rollout buffer of Stable-Baselines3, with observations in one array or in several;
    - a Minari dataset, or a list of its episodes;
    - a replay buffer of d3rlpy, or a list of its episodes;
    - episodes of RLDS, each a dict with ``steps``, or its steps themselves: dicts of arrays, or one dict for each step;
    - trajectories or transitions of imitation;
    - a list of ``rexd.Trajectory``.

    Torch tensors and JAX arrays are accepted wherever numpy arrays are. The data are copied and never changed.

    Args:
        data: The data, in one of the layouts above.
        env: A Gymnasium id or an environment. Columns are checked against its spaces, and actions are clipped to its
            bounds.
        episode_length: The number of steps of each trajectory, for data that do not record where a trajectory begins.
            None infers it.
        lengths: The same for trajectories of different lengths: the number of steps of each in turn, or the key of a
            dict that holds these numbers.
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
    hints = make_hints(facts, episode_length, columns, lengths)
    demos, selected = read_memory(data, hints)
    if not isinstance(lengths, str):  # a key is looked up where the data are read
        check_lengths(demos, hints)
    if columns is not None and not selected:
        demos = demos.select_columns(columns)
    return fit(replace(demos, trajectories=tuple(map(_own, demos.trajectories))), facts, action_bounds)


def read_memory(data: Any, hints: Hints) -> tuple[Demonstrations, bool]:
    """Read demonstrations from what ``to_demonstrations`` takes; their arrays may be those of the data.

    Returns:
        The demonstrations, and whether ``hints.columns`` are selected already.

    Raises:
        DemonstrationError: The data cannot be used; the message says what to do.
    """
    if isinstance(data, str | Path):
        raise DemonstrationError(
            f"{str(data)[:200]!r} is a name, not data; read files and datasets with load_demonstrations"
        )
    if isinstance(data, Demonstrations):
        return data, False
    if is_replay_buffer(data):
        return read_replay_buffer(_NAME, data, hints), False
    if is_rollout_buffer(data):
        return read_rollout_buffer(_NAME, data, hints), False
    if is_pair(data):
        data = arrays_of_pair(data, joined=hints.episode_length is not None or hints.lengths is not None)
    env_id = None
    if hasattr(data, "iterate_episodes"):
        env_id = getattr(getattr(data, "env_spec", None), "id", None)
        data = data.iterate_episodes()
    elif hasattr(data, "episodes") and not isinstance(data, Mapping):
        data = _episodes(data.episodes)
    if is_stream(data) and not _attributes(data):
        data = list(data)
    if is_rlds(data):
        return read_rlds(_NAME, data, hints), False
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
    content = plain(data)
    return read_content(Held(_NAME, content), hints), True


def _episodes(found: Any) -> list[Any]:
    """Return the episodes of d3rlpy's replay buffer.

    Raises:
        DemonstrationError: There is none, or they are no episodes.
    """
    episodes = list(found) if isinstance(found, Iterable) else []
    if not episodes or not all(map(_attributes, episodes)):
        raise DemonstrationError(
            f"{_NAME}: its 'episodes' are {len(episodes)} objects; expected at least one, each with observations, "
            "actions, rewards and terminated as d3rlpy's. Fill the buffer first"
        )
    return episodes


def _read_episodes(episodes: list[dict[str, Any]], hints: Hints) -> Demonstrations:
    if has_parts(episodes, hints.flattening):
        return dict_parts.load(Held(_NAME, episodes), hints)
    return from_episodes(_NAME, episodes, hints=hints)


def _attributes(item: Any) -> dict[str, Any]:
    """Return the arrays of an episode of Minari or d3rlpy or a trajectory of imitation; nothing for other objects."""
    if isinstance(item, Mapping | list | tuple | np.ndarray):
        return {}
    for names, needed in ((_MINARI, _MINARI), (_D3RLPY, _D3RLPY), (_IMITATION, ("obs", "acts"))):
        if all(hasattr(item, name) for name in needed):
            found = {name: plain(getattr(item, name)) for name in names if hasattr(item, name)}
            return {name: value for name, value in found.items() if value is not None}
    return {}


def _roles(attributes: dict[str, Any]) -> dict[str, Any]:
    """Rename arrays to the names that ``Columns`` gives them."""
    keys = find_keys(attributes)
    return {role: attributes[key] for role, key in keys.items()}


def _own(trajectory: Trajectory) -> Trajectory:
    """Copy the arrays of a trajectory, as a replay buffer may overwrite its rows later."""
    values: dict[str, Any] = {item.name: getattr(trajectory, item.name) for item in fields(trajectory)}
    return replace(trajectory, **{name: value.copy() for name, value in values.items() if value is not None})
