"""Which input columns describe what the expert does, and which only which episode it is.

A goal that is drawn anew for each episode, and the posture in which the arm ends there, differ from trajectory to
trajectory and hardly within one. A new episode has new values in such columns: they count as novel whatever the agent
does, and drown what it does. On Reacher (4 demonstrations, 4 goals) resting on a new goal was paid 0.797 and resting
5 cm beside it 0.794; with these columns weighted down 0.962 and 0.832 (docs/experiments.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

FEWEST_TRAJECTORIES = 3  # of two means, nobody can tell chance from a difference
LEAST = 0.05  # a column of smaller relevance is left out


def column_relevance(rows: Tensor, trajectory: Tensor) -> Tensor:
    """(1 − ICC)² of each column: 1 where trajectories are alike, 0 where a column is constant within each.

    ICC is the intraclass correlation, the share of the variance that lies between trajectories (one-way random
    effects; Shrout and Fleiss 1979).

    Args:
        rows: (N, C) raw input rows.
        trajectory: (N,) int64 number of each row's trajectory.

    Returns:
        (C,) float32 in [0, 1]; ones where there are fewer than ``FEWEST_TRAJECTORIES`` with two rows or more.
    """
    groups = [rows[trajectory == number].double() for number in range(int(trajectory.max()) + 1)]
    groups = [group for group in groups if len(group) > 1]
    if len(groups) < FEWEST_TRAJECTORIES:
        return torch.ones(rows.shape[1])
    within = torch.stack([group.var(dim=0) for group in groups])
    sizes = torch.tensor([[len(group)] for group in groups])
    # the means of few rows differ by chance: what chance explains is taken off
    between = torch.stack([group.mean(dim=0) for group in groups]).var(dim=0) - (within / sizes).mean(dim=0)
    between, inside = between.clamp(min=0.0), within.mean(dim=0)
    total = between + inside
    share = torch.where(total > 0.0, between / total.clamp(min=1e-300), torch.zeros_like(total))
    return ((1.0 - share) ** 2).float()
