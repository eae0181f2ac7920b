"""The distillation: all folds' predictors trained together on the demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.reward.red.config import REDConfig
from rexd.reward.red.networks import EnsembleMLP, in_blocks

Progress = Callable[[int, int], None]
TARGET_BIAS_STD = 0.5
PAPER_LEAK = 0.2  # TensorFlow's default slope of the leaky ReLU
REPORT_EVERY = 20


def make_networks(config: REDConfig, columns: int, n_models: int) -> tuple[EnsembleMLP, EnsembleMLP]:
    """The fixed random targets and the predictors, drawn from the seed."""
    generator = torch.Generator().manual_seed(config.seed)
    paper = config.recipe == "paper"
    build = partial(
        EnsembleMLP, n_models=n_models, generator=generator, leak=PAPER_LEAK if paper else 0.0, glorot=paper
    )
    bias_std = 0.0 if paper else TARGET_BIAS_STD
    target = build((columns, *config.target_layers, config.outputs), bias_std=bias_std)
    predictor = build((columns, *config.predictor_layers, config.outputs))
    return target.requires_grad_(False), predictor


def distil(
    target: EnsembleMLP,
    predictor: EnsembleMLP,
    x: Tensor,
    fold: NDArray[np.int64],
    config: REDConfig,
    progress: Progress | None = None,
) -> None:
    """Fit each predictor to its target on the rows outside its own fold (Wang et al. 2019, eq. 8).

    Args:
        target: ``n_models`` fixed networks.
        predictor: ``n_models`` networks, changed in place.
        x: As the rest, that of ``regress``.
        fold: Part of each row.
        config: Settings.
        progress: Watches.
    """
    with torch.no_grad():
        wanted = in_blocks(target, x, len(predictor.weights[0]))  # the targets never change: computed once
    regress(predictor, x, wanted, fold, config, progress)


def regress(
    networks: EnsembleMLP,
    x: Tensor,
    wanted: Tensor,
    fold: NDArray[np.int64],
    config: REDConfig,
    progress: Progress | None = None,
) -> None:
    """Fit each network, by mean squared error, on the rows outside its own fold.

    Args:
        networks: ``n_models`` networks, changed in place.
        x: (N, C) standardised rows.
        wanted: (n_models, N, outputs), what each network should answer.
        fold: (N,) part of each row; model k never sees the rows of part k. A row of part −1 is seen by all.
        config: Updates, batch size, learning rate and seed.
        progress: Called now and then with the updates done and in all.
    """
    generator = torch.Generator().manual_seed(config.seed + 1)
    n_models = len(wanted)
    rows = [torch.from_numpy(np.flatnonzero(fold != k)) for k in range(n_models)]
    model = torch.arange(n_models)[:, None]
    optimiser = torch.optim.Adam(networks.parameters(), lr=config.learning_rate, fused=True)
    for update in range(config.updates):
        if config.recipe == "calibrated":
            optimiser.param_groups[0]["lr"] = config.learning_rate * (1.0 - update / config.updates)
        batch = torch.stack([r[torch.randint(len(r), (config.batch_size,), generator=generator)] for r in rows])
        loss = (networks(x[batch]) - wanted[model, batch]).square().mean(dim=(1, 2)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if progress is not None and ((update + 1) % REPORT_EVERY == 0 or update + 1 == config.updates):
            progress(update + 1, config.updates)
    networks.requires_grad_(False)
