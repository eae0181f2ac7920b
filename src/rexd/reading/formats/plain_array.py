"""One array of observations beside actions, (N, obs + action) or (B, T, obs + action), in an npy, torch or pickle file.

The environment, or the user by naming the observation columns, tells which columns are actions. If only the number of
action columns is known, they are the last ones. A list or an array of objects may hold one such array for each
trajectory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.advice.column_kinds import described, is_constant, kinds_of
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.axes import with_episodes_first
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import dimensions, items
from rexd.reading.rows.stacking import as_array


def sniff(source: Source) -> bool:
    """Whether the file holds an array of two or three axes, or a list of arrays of two axes."""
    content = source.content
    if isinstance(content, np.ndarray) and not content.dtype.hasobject:
        return content.ndim in (2, 3) and content.dtype.kind in "biuf" and content.size > 0
    parts = items(content)
    return bool(parts) and all(isinstance(part, np.ndarray) and dimensions(part) == 2 for part in parts)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Split the columns into observations and actions, and the rows into trajectories.

    Raises:
        DemonstrationError: Which columns are actions, or where trajectories begin, cannot be told.
    """
    return read_array(source.name, source.content, hints)


FORMAT = Format("plain array of (rows, observations + actions)", sniff, load, takes_columns=True)


def read_array(source_name: str, content: Array | Sequence[Array], hints: Hints) -> Demonstrations:
    """Read one array of all rows, or one array for each trajectory, from any kind of file.

    Raises:
        DemonstrationError: Which columns are actions, or where trajectories begin, cannot be told.
    """
    parts, notes = items(content), list[str]()
    if len(parts) or (isinstance(content, np.ndarray) and content.ndim == 3):
        turned, notes = with_episodes_first(source_name, {"observations": content}, hints)
        parts = list(turned["observations"])
    if len(parts):
        arrays = [as_array(f"{source_name}: trajectory {number}", "rows", part) for number, part in enumerate(parts)]
        split = [_split(source_name, array, hints) for array in arrays]
        episodes = [{"observations": obs, "actions": act} for obs, act in split]
        return from_episodes(source_name, episodes, hints=hints, notes=notes)
    observations, actions = _split(source_name, as_array(source_name, "rows", content), hints)
    return from_steps(source_name, RecordedColumns(observations, actions), hints=hints)


def _split(source: str, rows: Array, hints: Hints) -> tuple[Array, Array]:
    width = rows.shape[1] if rows.ndim == 2 else 0
    act_dim = 1 if hints.n_actions is not None else hints.act_dim
    observed = np.zeros(width, np.bool_)
    if hints.columns is not None:
        beyond = isinstance(hints.columns, slice) and hints.columns.stop is not None and hints.columns.stop > width
        try:
            observed[hints.columns if isinstance(hints.columns, slice) else list(hints.columns)] = True
        except IndexError:
            beyond = True
        if beyond:
            raise DemonstrationError(
                f"{source}: columns {hints.columns} do not fit rows of {width} numbers; expected those of the "
                f"observations, from 0 to {width - 1} (--columns)"
            )
    elif act_dim is not None and (hints.obs_dim is None or hints.obs_dim + act_dim == width):
        observed[: width - act_dim] = True
    holds = f"{source}: holds rows of {width} numbers (an array of shape {rows.shape})"
    if not observed.any() or observed.all():
        kinds = kinds_of(rows) if rows.ndim == 2 else {}
        like = f". Of these {described(kinds)}" if kinds else ""
        raise DemonstrationError(
            f"{holds}, and does not say which of them are the observation and which the action"
            f"{_expected(hints, act_dim)}{like}. {_mend(kinds)}"
        )
    taken = [int(number) for number in np.flatnonzero(~observed)]
    if len(taken) > 1 and act_dim != len(taken):
        kinds = kinds_of(rows)
        odd = {number: kinds[number] for number in taken if number in kinds and not is_constant(kinds[number])}
        if odd:
            raise DemonstrationError(
                f"{holds}, of which columns {taken[0]} to {taken[-1]} would be the action, but {described(odd)}. "
                f"{_mend(odd)}"
            )
    return rows[:, observed], rows[:, ~observed]


def _mend(kinds: Mapping[int, str]) -> str:
    """Return the way to tell observations from actions that takes no column of these kinds for an action."""
    if not all(map(is_constant, kinds.values())):
        return (
            "Name all columns: text by a header (obs_0, ..., action_0, ..., reward, done), an array by "
            "numpy.savez(file, observations=..., actions=..., rewards=..., dones=...)"
        )
    constant = ", the constant ones among them" if kinds else ""
    return f"Name the columns of the observation (--columns 0:N){constant}; the others are the action"


def _expected(hints: Hints, act_dim: int | None) -> str:
    if hints.obs_dim is None or act_dim is None:
        return "; the environment would tell (--env)"
    return f"; the environment has {hints.obs_dim} and {act_dim}, expected rows of {hints.obs_dim + act_dim}"
