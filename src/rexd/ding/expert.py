"""Reading and checking expert data: DI-engine's list of transitions, or anything else that rexd reads.

They come from a file or from memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.demos.transitions import Transitions
from rexd.ding.columns import Columns
from rexd.ding.rows import check_finite, gather, tensor_of
from rexd.errors import DemonstrationError, RexdError
from rexd.reading.containers.source import Source
from rexd.reading.from_memory import read_memory
from rexd.reading.load import read_source
from rexd.reading.rows.hints import Hints

Row = dict[str, Any]
_HINTS = Hints(rows_alone=True)


def read_expert_data(given: Any) -> list[Row]:
    """Read the transitions of an expert, dicts with at least ``obs`` and ``action``.

    Pickles are read by the allow-list unpickler, which executes no code.

    Args:
        given: A path; or in memory a list of transitions, a pair of arrays (observations, actions), ``Transitions``, or
            anything else that ``rexd.to_demonstrations`` takes.

    Raises:
        DemonstrationError: The file is missing or damaged, or there are no transitions.
        UnsafeFileError: The pickle would execute code.
    """
    if isinstance(given, str | Path):
        source = Source(given)
        content = source.content if source.is_file and source.size else None
        return _listed(content, str(given)) or _rows_of(read_source(source, _HINTS)[0])
    if isinstance(given, Transitions):
        return _rows_of_transitions(given)
    return _listed(given, source_of(given)) or _rows_of(read_memory(_named(given), _HINTS)[0])


def source_of(given: Any) -> str:
    """Return the name of expert data in messages: its path, or for data in memory the setting that holds it."""
    return str(given) if isinstance(given, str | Path) else "expert_data_path"


def sample_rows(rows: Sequence[Row], size: int | None, seed: int) -> NDArray[np.intp]:
    """Draw row numbers without replacement, in ascending order; all if ``size`` is None or exceeds their number."""
    if size is None or size >= len(rows):
        return np.arange(len(rows))
    return np.sort(np.random.default_rng(seed).choice(len(rows), size, replace=False))


def as_tensors(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with arrays and numbers as tensors on the CPU; other values are not changed."""
    return [{key: _tensor(value) for key, value in row.items()} for row in rows]


def number_trajectories(rows: Sequence[Row]) -> NDArray[np.int64]:
    """Return the (N,) number of each row's trajectory, from 0.

    A trajectory ends with a row that is ``done``; rows without this key are one trajectory.
    """
    if not rows or not all("done" in row for row in rows):
        return np.zeros(len(rows), np.int64)
    ends = [bool(np.any(np.asarray(row["done"]))) for row in rows]
    return np.cumsum([False, *ends[:-1]], dtype=np.int64)


def rows_to_demonstrations(
    rows: list[Row], trajectory: NDArray[np.int64], columns: Columns, source: str
) -> Demonstrations:
    """Build demonstrations of (s, a).

    Args:
        rows: The transitions.
        trajectory: (N,) number of each row's trajectory, ascending.
        columns: The columns of the rows.
        source: Where the rows come from, as errors name it.
    """
    obs, act = columns.split(gather(rows, "obs"), gather(rows, "action"))
    cuts = np.flatnonzero(np.diff(trajectory)) + 1
    pieces = zip(np.split(obs.numpy(), cuts), np.split(act.numpy(), cuts), strict=True)
    trajectories = tuple(Trajectory.from_steps(o, a) for o, a in pieces)
    return Demonstrations(trajectories, source=source, n_actions=columns.act if columns.one_hot else None)


def check_rows(rows: list[Row], source: str) -> None:
    """Check that all rows have the same shapes and finite values; the error names the first transition that is wrong.

    Raises:
        DemonstrationError: A key is missing, shapes differ, or a value is not finite.
    """
    for name in ("obs", "action"):
        try:
            column = gather(rows, name)
        except RexdError as error:
            raise DemonstrationError(f"{source}: {error}") from error
        check_finite(column, name, source, "drop these or repair the recording")


def _listed(content: Any, source: str) -> list[Row]:
    """Return the rows of a list of transitions as it is; an empty list for content of other kinds."""
    if not isinstance(content, list) or not any(isinstance(row, dict) and "obs" in row for row in content[:1]):
        return []
    for number, row in enumerate(content):
        if not isinstance(row, dict):
            raise DemonstrationError(
                f"{source}: transition {number} is a {type(row).__name__}; expected a dict with 'obs' and 'action'"
            )
    return content


def _named(given: Any) -> Any:
    """Return a pair of arrays, or of lists of them, as a dict; anything else as it is."""
    if isinstance(given, tuple) and len(given) == 2 and all(isinstance(p, list) or hasattr(p, "ndim") for p in given):
        return {"obs": given[0], "action": given[1]}
    return given


def _rows_of_transitions(t: Transitions) -> list[Row]:
    done = np.append(np.diff(t.trajectory) != 0, True)
    columns = zip(t.obs, t.act, t.next_obs, done, strict=True)
    return [{"obs": o, "action": a, "next_obs": n, "done": d} for o, a, n, d in columns]


def _rows_of(demonstrations: Demonstrations) -> list[Row]:
    found = []
    for t in demonstrations:
        done = t.terminated | t.truncated
        done[-1] = True  # a recording may stop before its episode ends
        parts = zip(t.observations, t.actions, t.next_observations, done, strict=True)
        found += [{"obs": o, "action": a, "next_obs": n, "done": d} for o, a, n, d in parts]
    return found


def _tensor(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)  # a copy, as the owner of the row may reuse its memory
    if isinstance(value, np.ndarray | np.generic | float | int) and np.asarray(value).dtype.kind in "biuf":
        return tensor_of(np.array(value))
    return value
