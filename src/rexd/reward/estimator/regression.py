"""Fitting several networks at once to what each should give, each without the rows of its own fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rexd.adam import Adam
from rexd.progress import Progress

REPORT_EVERY = 20  # updates


@dataclass(frozen=True)
class Descent:
    """How networks are fitted.

    Attributes:
        updates: The number of gradient steps.
        batch_size: Rows in a batch of each network.
        learning_rate: Initial step size of Adam.
        seed: Seed of the batches.
        decays: Whether the step size falls linearly to zero.
    """

    updates: int
    batch_size: int
    learning_rate: float
    seed: int
    decays: bool = True


def regress(
    networks: nn.Module,
    x: Tensor,
    wanted: Tensor,
    fold: NDArray[np.int64],
    descent: Descent,
    progress: Progress | None = None,
) -> None:
    """Fit each network by its mean squared error on the rows outside its own fold.

    Args:
        networks: ``n_models`` networks, which are changed in place.
        x: (N, C) standardised inputs.
        wanted: (n_models, N, outputs), the outputs that each network should give.
        fold: (N,) the fold of each row; model k never sees the rows of fold k. A row of fold −1 is seen by all.
        descent: How they are fitted.
        progress: Called now and then with the updates done and in all.
    """
    generator = torch.Generator().manual_seed(descent.seed + 1)
    n_models = len(wanted)
    rows = [torch.from_numpy(np.flatnonzero(fold != k)) for k in range(n_models)]
    model = torch.arange(n_models)[:, None]
    optimiser = Adam(networks.parameters(), descent.learning_rate, fused=True)
    for update in range(descent.updates):
        if descent.decays:
            optimiser.learning_rate = descent.learning_rate * (1.0 - update / descent.updates)
        batch = torch.stack([r[torch.randint(len(r), (descent.batch_size,), generator=generator)] for r in rows])
        loss = (networks(x[batch]) - wanted[model, batch]).square().mean(dim=(1, 2)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if progress is not None and ((update + 1) % REPORT_EVERY == 0 or update + 1 == descent.updates):
            progress(update + 1, descent.updates)
    networks.requires_grad_(False)
