"""How much of each action follows from the state; the rest is the expert's noise and says nothing about its support.

A policy that was recorded while it explored, or that leaves a joint alone, has actions that no state explains. At full
weight such inputs are as new in an unseen row of the expert as in a row of any other policy, and hide what the state
tells. With noisy actions weighted down, the reward tells walking from standing on Ant (docs/lab/reward-inputs.md).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.reward.encoder import varies
from rexd.reward.estimator.networks import EnsembleMLP, in_blocks
from rexd.reward.estimator.regression import Descent, regress
from rexd.reward.estimator.settings import EstimatorSettings

UPDATES = 300  # more updates fit the noise of a few hundred rows
LAYERS = (128, 128)
LEAST = 0.1  # an action stays an input however noisy it is: ``encoder.LEAST_RELEVANCE`` drops smaller factors


def action_predictability(obs: Tensor, act: Tensor, fold: NDArray[np.int64], config: EstimatorSettings) -> Tensor:
    """Return (R²)² of each action, predicted from the state in trajectories that the prediction was not fitted to.

    Args:
        obs: (N, D) raw observations.
        act: (N, A) raw continuous actions.
        fold: (N,) the fold of each row.
        config: Gives batch size, learning rate and seed.

    Returns:
        (A,) float32 from ``LEAST`` to 1; an action that never varies has 1, as it is no input anyway.
    """
    (x, _), (y, alive) = _standardised(obs), _standardised(act)
    models = int(fold.max()) + 1
    generator = torch.Generator().manual_seed(config.seed)
    networks = EnsembleMLP((x.shape[1], *LAYERS, y.shape[1]), models, generator)
    with torch.no_grad():
        networks.weights[-1].mul_(0.1)  # start near the mean, so that no update is spent on unlearning random answers
    descent = Descent(UPDATES, config.batch_size, config.learning_rate, config.seed)
    regress(networks, x, y.expand(models, -1, -1), fold, descent)
    answers = in_blocks(networks, x, models)[torch.from_numpy(fold), torch.arange(len(x))]
    unexplained = (answers - y).square().mean(dim=0) / y.square().mean(dim=0).clamp(min=1e-12)
    explained = (1.0 - unexplained).clamp(0.0, 1.0).square().clamp(min=LEAST)
    return torch.where(alive, explained, torch.ones_like(explained))


def _standardised(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns with zero mean and unit spread, and whether each of them varies."""
    mean, std = rows.double().mean(dim=0), rows.double().std(dim=0, correction=0)
    return ((rows - mean) / std.clamp(min=1e-8)).float(), varies(mean, std)
