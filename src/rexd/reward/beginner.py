"""The scale that a beginner needs: how far the policy that learning begins with comes from the demonstrations.

The demonstrations' own spread is no scale where they are narrow. An expert that balances a pole hardly moves it: its
rows are nearly one point, and by their spread everything that a policy meets before it balances, too, is infinitely
far. The episodes of a beginner, which is the clone of the demonstrations, say what has to be told apart. A share of
their spread is the least scale of a column of the observation (``least_spread``). The unit of novelty is no smaller than
the error of demonstrated rows that are moved a little (``moved``), and the reward has a slope at least up to where half
of the beginner's rows lie (``rexd.reward.calibration``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from rexd.reward.columns import InputColumns
from rexd.reward.rows import Rows

LEAST_SPREAD = 0.1  # of the beginner's standard deviation: what a column's is at least
LEAST_MOVE = 0.02  # of the beginner's standard deviation: what a demonstrated row is moved by


def least_spread(columns: InputColumns, beginner: Rows) -> Tensor:
    """Return the least standard deviation of each raw column: (columns,) float64; 0 for actions and the time."""
    spread = columns.concatenate(beginner).double().std(dim=0, correction=0)
    return LEAST_SPREAD * spread * columns.of_states


def moved(rows: Rows, beginner: Rows, seed: int) -> Rows:
    """Return demonstrated rows whose states are moved, s and s' by the same, by a little of the beginner's spread."""
    spread = LEAST_MOVE * beginner.obs.std(axis=0, dtype=np.float64)
    move = (spread * np.random.default_rng(seed).normal(size=rows.obs.shape)).astype(np.float32)
    return replace(rows, obs=rows.obs + move, next_obs=None if rows.next_obs is None else rows.next_obs + move)
