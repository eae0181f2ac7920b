"""Which input columns describe what the expert does, and which of them only tell one episode from another.

A goal that is drawn anew for each episode differs between trajectories and hardly within one. A new episode has new
values in such columns: they count as novel whatever the agent does, and hide what it does. With these columns weighted
down, the reward on Reacher tells a hand on a new goal from a hand beside it (docs/lab/reward-inputs.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

FEWEST_TRAJECTORIES = 3  # with two means, chance and a real difference look the same


def column_relevance(rows: Tensor, trajectory: Tensor) -> Tensor:
    """Return (1 − ICC)² of each column: 1 where trajectories are alike, 0 where each has a constant of its own.

    ICC is the intraclass correlation, the share of the variance that lies between trajectories (one-way random
    effects; Shrout and Fleiss 1979).

    Args:
        rows: (N, C) raw input rows.
        trajectory: (N,) int64, the number of the trajectory of each row.

    Returns:
        (C,) float32 in [0, 1]; ones where fewer than ``FEWEST_TRAJECTORIES`` trajectories have two rows or more.
    """
    groups = [rows[trajectory == number].double() for number in range(int(trajectory.max()) + 1)]
    groups = [group for group in groups if len(group) > 1]
    if len(groups) < FEWEST_TRAJECTORIES:
        return torch.ones(rows.shape[1])
    within = torch.stack([group.var(dim=0) for group in groups])
    sizes = torch.tensor([[len(group)] for group in groups])
    # The means of a few rows differ by chance; what chance explains is subtracted.
    between = torch.stack([group.mean(dim=0) for group in groups]).var(dim=0) - (within / sizes).mean(dim=0)
    between, inside = between.clamp(min=0.0), within.mean(dim=0)
    total = between + inside
    share = torch.where(total > 0.0, between / total.clamp(min=1e-300), torch.zeros_like(total))
    return ((1.0 - share) ** 2).float()
