"""The scale that a beginner needs: how far the policy that learning begins with comes from the demonstrations.

The demonstrations' own spread is no scale where they are narrow. An expert that balances a pole hardly moves it: its
rows are nearly one point, and by their spread everything that a policy meets before it balances, too, is infinitely
far. The episodes of a beginner, which is the clone of the demonstrations, say what has to be told apart. A share of
their spread is the least scale of a column of the observation (``least_spread``). The unit of novelty is no smaller
than the error of demonstrated rows that are moved by a little of it (``moved``). The reward has a slope at least up to
where half of the beginner's rows lie (``rexd.reward.calibration``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.reward.columns import InputColumns
from rexd.reward.encoder import varies
from rexd.reward.rows import Rows

Float64 = NDArray[np.float64]
LEAST_SPREAD = 0.1  # of the beginner's spread: what a column's is at least
LEAST_MOVE = 0.02  # of the beginner's spread: what a demonstrated row is moved by
# A simulator's velocities have rare spikes, so that the spread is not the standard deviation but the range from the
# first to the ninth decile, in those of a normal distribution.
DECILES = (0.1, 0.9)
NORMAL_RANGE = 2.563


def spread_of(rows: NDArray[np.floating[Any]]) -> Float64:
    """Return how far each column ranges in most of its rows: (N, C) -> (C,) float64, in standard deviations."""
    low, high = np.quantile(rows, DECILES, axis=0)
    return np.asarray((high - low) / NORMAL_RANGE, np.float64)


def least_spread(columns: InputColumns, beginner: Rows) -> Tensor:
    """Return the least standard deviation of each raw column: (columns,) float64; 0 for actions and the time."""
    spread = torch.from_numpy(spread_of(columns.concatenate(beginner).numpy()))
    return LEAST_SPREAD * spread * columns.of_states


def coverage(columns: InputColumns, demonstrated: Tensor, beginner: Rows) -> float:
    """Return in which share of the observation's columns the demonstrations need no least spread, within [0, 1].

    Args:
        columns: What the raw columns are.
        demonstrated: (N, raw columns) rows of the demonstrations; columns in which they never vary do not count.
        beginner: Rows of the policy that learning begins with.
    """
    wide = demonstrated.double()
    mean, std = wide.mean(dim=0), wide.std(dim=0, correction=0)
    counted = columns.of_states & varies(mean, std)
    return float((std >= least_spread(columns, beginner))[counted].double().mean()) if bool(counted.any()) else 1.0


def moved(rows: Rows, beginner: Rows, seed: int) -> Rows:
    """Return demonstrated rows whose states are moved, s and s' by the same, by a little of the beginner's spread."""
    noise = np.random.default_rng(seed).normal(size=rows.obs.shape)
    move = (LEAST_MOVE * spread_of(beginner.obs) * noise).astype(np.float32)
    return replace(rows, obs=rows.obs + move, next_obs=None if rows.next_obs is None else rows.next_obs + move)
