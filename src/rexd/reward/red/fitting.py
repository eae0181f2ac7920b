"""The distillation: the predictors of all folds are trained together on the demonstrations."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.progress import Progress
from rexd.reward.estimator.networks import EnsembleMLP, Shapes, in_blocks, layer_shapes
from rexd.reward.estimator.regression import Descent, regress
from rexd.reward.red.config import REDConfig
from rexd.reward.red.convolutions import EnsembleCNN, parameter_shapes

TARGET_BIAS_STD = 0.5
PAPER_LEAK = 0.2  # the default slope of TensorFlow's leaky ReLU


Networks = EnsembleMLP | EnsembleCNN


def make_networks(
    config: REDConfig, columns: int, n_models: int, pixels: tuple[int, int, int] | None = None
) -> tuple[Networks, Networks]:
    """Draw the fixed random targets and the predictors from the seed.

    Args:
        config: The widths of their layers.
        columns: The number of input columns.
        n_models: The number of targets, and of predictors.
        pixels: The (channels, height, width) of images that stand before the columns; None where there are none.
    """
    generator = torch.Generator().manual_seed(config.seed)
    if pixels is not None:
        layers = (*config.target_layers, config.outputs)
        convolutional = EnsembleCNN(pixels, columns, layers, n_models, generator, bias_std=TARGET_BIAS_STD)
        layers = (*config.predictor_layers, config.outputs)
        return convolutional.requires_grad_(False), EnsembleCNN(pixels, columns, layers, n_models, generator)
    paper = config.recipe == "paper"
    build = partial(
        EnsembleMLP, n_models=n_models, generator=generator, leak=PAPER_LEAK if paper else 0.0, glorot=paper
    )
    bias_std = 0.0 if paper else TARGET_BIAS_STD
    target = build((columns, *config.target_layers, config.outputs), bias_std=bias_std)
    predictor = build((columns, *config.predictor_layers, config.outputs))
    return target.requires_grad_(False), predictor


def network_shapes(
    config: REDConfig, columns: int, n_models: int, pixels: tuple[int, int, int] | None = None
) -> dict[str, Shapes]:
    """Return the shapes of the parameters of what ``make_networks`` makes, so that a file's can be checked first."""
    hidden = {"target": config.target_layers, "predictor": config.predictor_layers}
    return {
        name: layer_shapes((columns, *layers, config.outputs), n_models)
        if pixels is None
        else parameter_shapes(pixels, columns, (*layers, config.outputs), n_models)
        for name, layers in hidden.items()
    }


def distil(
    target: Networks,
    predictor: Networks,
    x: Tensor,
    fold: NDArray[np.int64],
    config: REDConfig,
    progress: Progress | None = None,
) -> None:
    """Fit each predictor to its target on the rows outside its own fold (Wang et al. 2019, eq. 8).

    Args:
        target: ``n_models`` fixed networks.
        predictor: ``n_models`` networks, which are changed in place.
        x: (N, C) standardised inputs, or packed rows, as the encoder's ``standardise`` returns them.
        fold: (N,) the fold of each row; model k never sees the rows of fold k. A row of fold −1 is seen by all.
        config: Gives the number of updates, batch size, learning rate and seed.
        progress: Called now and then with the updates done and in all.
    """
    with torch.no_grad():
        wanted = in_blocks(target, x, predictor.models)  # computed once, since targets never change
    decays = config.recipe == "calibrated"
    descent = Descent(config.updates, config.batch_size, config.learning_rate, config.seed, decays)
    regress(predictor, x, wanted, fold, descent, progress)
