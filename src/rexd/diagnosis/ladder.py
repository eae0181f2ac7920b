"""Ladders: demonstrated rows that are moved further and further, all columns together or one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.diagnosis.probe import Estimator, Probe, evenly
from rexd.reward.encoder import RESOLUTION
from rexd.reward.rows import Rows

STATE_NOISE = (0.1, 0.3, 1.0, 3.0)  # in standard deviations of the demonstrated columns
ACTION_NOISE = (0.1, 0.3, 1.0)
FAR = 3.0  # standard deviations that a single column is moved by
ONE_COLUMN = f"states, one column moved by {FAR:g} sd"
MOST_MOVED = 20_000  # rows in all by which the columns are weighed
LEAST_ROWS, ENOUGH_ROWS = 20, 200  # of each column


def state_noise(size: float) -> str:
    """Name the step of the ladder at which states are moved by this many standard deviations."""
    return f"states with noise of {size:g} sd"


def action_noise(size: float) -> str:
    """Name the step of the ladder at which actions are moved by this many standard deviations."""
    return f"actions with noise of {size:g} sd"


def noise_ladders(demonstrations: Demonstrations, rows: Rows, seed: int) -> Iterator[Probe]:
    """Yield rows whose states, and then whose actions, have noise of growing size; continuous actions alone have."""
    rng = np.random.default_rng(seed)
    spread = _spread(rows.obs)
    for size in STATE_NOISE:
        yield Probe(state_noise(size), _shifted(rows, size * spread * rng.normal(size=rows.obs.shape)))
    act = rows.act
    if act is None or not demonstrations.has_actions or demonstrations.n_actions is not None:
        return
    low, high = demonstrations.action_bounds or (act.min(axis=0), act.max(axis=0))
    for size in ACTION_NOISE:
        noise = size * _spread(act) * rng.normal(size=act.shape)
        yield Probe(action_noise(size), replace(rows, act=np.clip(act + noise, low, high).astype(np.float32)))


def one_column_moved(rows: Rows, seed: int) -> Rows:
    """Return rows each of which has one column of its state, drawn from those that vary, moved by ``FAR``."""
    rng = np.random.default_rng(seed)
    spread = _spread(rows.obs)
    varying = np.flatnonzero(spread > 0)
    move = np.zeros(rows.obs.shape)
    if len(varying):
        column, number = rng.choice(varying, size=len(rows)), np.arange(len(rows))
        move[number, column] = FAR * spread[column] * rng.choice([-1.0, 1.0], size=len(rows))
    return _shifted(rows, move)


@dataclass(frozen=True)
class ColumnWeight:
    """How much of the novelty hangs on one column.

    Attributes:
        name: The column, such as ``observation[3]`` or ``action[0]``.
        novelty: Median novelty, in ℓ, of rows that are moved along this column by one standard deviation.
        share: By how much that is more than where nothing is moved, as a share of the same sum over all columns.
    """

    name: str
    novelty: float
    share: float


def column_weights(
    model: Estimator, demonstrations: Demonstrations, rows: Rows, unit: float, seed: int
) -> tuple[ColumnWeight, ...]:
    """Move rows along one column at a time, and return what each move costs; columns that never vary are left out."""
    rng = np.random.default_rng(seed)
    columns = [(f"observation[{k}]", "obs", k) for k in range(rows.obs.shape[1])]
    if demonstrations.column_names:
        columns = [(name, "obs", k) for k, name in enumerate(demonstrations.column_names)]
    if rows.act is not None and demonstrations.n_actions is None:
        columns += [(f"action[{k}]", "act", k) for k in range(rows.act.shape[1])]
    spread = {
        name: values.std(axis=0, dtype=np.float64) for name in ("obs", "act") if _moves(values := getattr(rows, name))
    }
    columns = [column for column in columns if column[1] in spread and spread[column[1]][column[2]] > 0]
    if not columns:
        return ()
    some = evenly(rows, int(np.clip(MOST_MOVED // len(columns), LEAST_ROWS, ENOUGH_ROWS)))
    sign = rng.choice([-1.0, 1.0], size=len(some))
    moved = [_along(some, kind, k, sign * spread[kind][k]) for _, kind, k in columns]
    novelty = model.novelty_of(Rows.joined([some, *moved])).reshape(len(columns) + 1, len(some))
    medians = np.median(novelty, axis=1).astype(np.float64) / unit
    gains = np.maximum(medians[1:] - medians[0], 0.0)
    shares = gains / max(float(gains.sum()), np.finfo(np.float64).tiny)
    return tuple(
        ColumnWeight(name, float(median), float(share))
        for (name, _, _), median, share in zip(columns, medians[1:], shares, strict=True)
    )


def _spread(values: Array) -> NDArray[np.float64]:
    """Return the standard deviation of each column, 0 where it is no more than rounding, which a reward leaves out."""
    spread = values.std(axis=0, dtype=np.float64)
    size = np.abs(values.mean(axis=0, dtype=np.float64))
    return np.where(spread > RESOLUTION * np.maximum(size, 1.0), spread, 0.0)


def _moves(values: Array | None) -> bool:
    return values is not None and values.dtype.kind == "f" and values.size > 0


def _along(rows: Rows, kind: str, column: int, move: NDArray[np.float64]) -> Rows:
    if kind == "obs":
        moves = np.zeros(rows.obs.shape)
        moves[:, column] = move
        return _shifted(rows, moves)
    assert rows.act is not None
    act = rows.act.copy()
    act[:, column] += move.astype(act.dtype)
    return replace(rows, act=act)


def _shifted(rows: Rows, move: NDArray[np.float64]) -> Rows:
    """Move states, s and s' by the same, as far as float32 reaches."""
    most = np.finfo(np.float32).max

    def shifted(states: Array) -> Array:
        return np.clip(states + move, -most, most).astype(np.float32)

    return replace(rows, obs=shifted(rows.obs), next_obs=None if rows.next_obs is None else shifted(rows.next_obs))
