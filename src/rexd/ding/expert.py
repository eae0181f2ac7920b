"""Reading and checking expert data: DI-engine's pickle of a list of transitions, or any file that rexd reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.ding.columns import Columns
from rexd.ding.rows import gather, tensor_of
from rexd.errors import DemonstrationError, RexdError
from rexd.reading.containers.source import Source
from rexd.reading.load import load_demonstrations

Row = dict[str, Any]


def read_expert_data(path: str | Path) -> list[Row]:
    """Read the transitions of an expert, dicts with at least ``obs`` and ``action``.

    Pickles are read by the allow-list unpickler, which executes no code.

    Raises:
        DemonstrationError: The file is missing, damaged, or holds no transitions.
        UnsafeFileError: The pickle would execute code.
    """
    source = Source(path)
    content = source.content if source.is_file and source.size else None
    if isinstance(content, list) and any(isinstance(row, dict) and "obs" in row for row in content[:1]):
        for number, row in enumerate(content):
            if not isinstance(row, dict):
                raise DemonstrationError(
                    f"{path}: transition {number} is a {type(row).__name__}; expected a dict with 'obs' and 'action'"
                )
        return content
    return _rows_of(load_demonstrations(path))


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
        bad = ~column.reshape(len(rows), -1).double().isfinite().all(dim=1)
        if bool(bad.any()):
            raise DemonstrationError(
                f"{source}: {name!r} is NaN or infinite in {int(bad.sum())} of {len(rows)} transitions, first in "
                f"number {int(bad.nonzero()[0])}; drop these or repair the recording"
            )


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
