"""Reading steps in the layout of RLDS, which TensorFlow Datasets and Open X-Embodiment use.

Source: https://github.com/google-research/rlds. A step holds the observation, the action that was taken on it, and the
reward of that action. The last step of an episode (``is_last``) holds the final observation alone: its action and its
reward are not defined. ``is_terminal`` says whether that observation is a terminal state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array, BoolArray
from rexd.errors import DemonstrationError
from rexd.reading.objects.named_parts import join_parts
from rexd.reading.objects.plain import plain
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NEEDED, find_keys, has_needed
from rexd.reading.rows.normalise import as_flags
from rexd.reading.rows.stacking import as_array, names

_ENDS = ("is_first", "is_last", "is_terminal")


def is_rlds(data: Any) -> bool:
    """Whether this is an episode or steps of RLDS, or a list of them."""
    first = data[0] if isinstance(data, list | tuple) and data else data
    return isinstance(first, Mapping) and (
        "steps" in first or (has_needed(first) and {"is_first", "is_last"} <= first.keys())
    )


def read_rlds(source_name: str, data: Any, hints: Hints) -> Demonstrations:
    """Read episodes, each a dict with ``steps``, or the steps of episodes end to end.

    Steps are a dict of arrays, or anything that yields one dict for each step.

    Args:
        source_name: What messages call the data.
        data: What ``is_rlds`` recognises.
        hints: What the user and the environment know.

    Raises:
        DemonstrationError: A step lacks what others have, or the arrays do not fit each other.
    """
    episodes, notes = list[dict[str, Any]](), list[str]()
    holds_steps = isinstance(data, list | tuple) and "steps" not in data[0]
    for part in [data] if isinstance(data, Mapping) or holds_steps else data:
        steps = part["steps"] if isinstance(part, Mapping) and "steps" in part else part
        columns = _columns(f"{source_name}: episode {len(episodes)}", steps)
        episodes += _episodes(source_name, columns, notes)
    notes.append("left out the action and the reward of each trajectory's last step, which RLDS does not define")
    return from_episodes(source_name, episodes, hints=hints, notes=list(dict.fromkeys(notes)))


def _columns(source: str, steps: Any) -> dict[str, Any]:
    """Return the columns of steps by the names of ``RecordedColumns``; those of several parts are dicts of them."""
    if not isinstance(steps, Mapping):
        rows = [plain(step) for step in steps] if isinstance(steps, Iterable) else []
        if not rows or not all(isinstance(row, dict) for row in rows):
            raise DemonstrationError(f"{source} has no steps; expected a dict for each step (RLDS)")
        wanted = [key for key in rows[0] if key in (*find_keys(rows[0]).values(), *_ENDS)]
        for number, row in enumerate(rows):
            if missing := [key for key in wanted if key not in row]:
                raise DemonstrationError(f"{source}: step {number} has no {missing[0]!r}; expected it as in step 0")
        steps = {key: _stacked(source, key, [row[key] for row in rows]) for key in wanted}
    else:
        steps = plain(steps)
    if not has_needed(steps) or "is_last" not in steps:
        raise DemonstrationError(
            f"{source}: has steps of {names(steps)}; expected observation, action, is_first, is_last, is_terminal"
        )
    found = {role: steps[key] for role, key in find_keys(steps).items() if role in (*NEEDED, "rewards")}
    return {**found, **{key: steps[key] for key in _ENDS if key in steps}}


def _stacked(source: str, name: str, values: list[Any]) -> Any:
    if not isinstance(values[0], Mapping):
        return as_array(source, name, values)
    parts = {key: np.asarray(values[0][key]) for key in values[0]}
    used = {key: part for key, part in parts.items() if _is_columns(part)}
    stacked = {key: as_array(source, f"{name} {key!r}", [value.get(key) for value in values]) for key in used}
    # a row of what is left out stands for all, so that a note can name it
    return {key: stacked.get(key, np.broadcast_to(part, (len(values), *part.shape))) for key, part in parts.items()}


def _is_columns(part: Array) -> bool:
    """Whether a part of one step has columns; images are large, and are not stacked."""
    return part.dtype.kind in "biuf" and not (part.dtype == np.uint8 and part.ndim > 1)


def _episodes(source: str, columns: Mapping[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    joined: dict[str, Array] = {}
    for role in NEEDED:
        value = columns[role]
        joined[role] = join_parts(source, value, None, notes) if isinstance(value, Mapping) else value
    rows = len(joined["observations"])
    last, first, terminal = (_flags(source, name, columns, rows) for name in ("is_last", "is_first", "is_terminal"))
    starts = np.flatnonzero(first | np.append(True, last[:-1]))
    episodes = []
    for start, stop in zip(starts, [*starts[1:], rows], strict=True):
        episode: dict[str, Any] = {"observations": joined["observations"][start:stop]}
        for role, value in (("actions", joined["actions"]), ("rewards", columns.get("rewards"))):
            if value is not None:
                episode[role] = value[start : stop - 1]
        episodes.append({**episode, "terminated": bool(last[stop - 1] & terminal[stop - 1])})
    return episodes


def _flags(source: str, name: str, columns: Mapping[str, Any], rows: int) -> BoolArray:
    found = columns.get(name)
    return np.zeros(rows, np.bool_) if found is None else as_flags(source, name, found, rows)
