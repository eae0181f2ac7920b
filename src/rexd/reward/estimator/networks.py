"""Multi-layer perceptrons, several evaluated at once: the random targets and the predictors of RED."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

BLOCK_ROWS = 1024  # rows that are passed through at once, so that activations stay in the processor's cache
BLOCK_IMAGES = 64  # the same for images
Shapes = Iterator[tuple[str, tuple[int, ...]]]
"""The name and the shape of each parameter of a network, one after the other, since a file may claim any number."""


class EnsembleMLP(nn.Module):
    """``n_models`` independent perceptrons of equal shape, evaluated together by batched matrix products.

    Weights are He-normal (He et al. 2015, arXiv 1502.01852) and biases normal with standard deviation
    ``bias_std``, drawn from ``generator``: a random target needs biases, or it is nearly linear far from zero.
    With ``glorot``, weights are Glorot-uniform (Glorot & Bengio 2010), TensorFlow's default.

    Attributes:
        weights: One parameter of shape (n_models, fan_in, fan_out) for each layer.
        biases: One parameter of shape (n_models, 1, fan_out) for each layer.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        n_models: int,
        generator: torch.Generator,
        *,
        bias_std: float = 0.0,
        leak: float = 0.0,
        glorot: bool = False,
    ) -> None:
        """Draw the weights of networks with layer widths ``sizes``, input and output included."""
        super().__init__()
        self.leak = leak
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            if glorot:
                weight = torch.rand(n_models, fan_in, fan_out, generator=generator) * 2.0 - 1.0
                weight *= math.sqrt(6.0 / (fan_in + fan_out))
            else:
                weight = torch.randn(n_models, fan_in, fan_out, generator=generator) * math.sqrt(2.0 / fan_in)
            bias = torch.randn(n_models, 1, fan_out, generator=generator) * bias_std
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(bias))

    @property
    def models(self) -> int:
        """The number of perceptrons."""
        return len(self.weights[0])

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_models, batch, inputs) to (n_models, batch, outputs); ReLU, or leaky ReLU, between the layers."""
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if layer < last:
                # In place, since nothing else holds the product.
                x = functional.leaky_relu_(x, self.leak) if self.leak else x.relu_()
        return x


def layer_shapes(sizes: Sequence[int], n_models: int) -> Shapes:
    """Yield the name and the shape of each parameter of an ``EnsembleMLP``, without building it."""
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        yield f"weights.{number}", (n_models, fan_in, fan_out)
        yield f"biases.{number}", (n_models, 1, fan_out)


def in_blocks(function: Callable[[Tensor], Tensor], x: Tensor, n_models: int) -> Tensor:
    """Apply a function of (n_models, batch, C) to rows (N, C), a block at a time: (n_models, N, ...)."""
    rows = BLOCK_IMAGES if x.dtype == torch.uint8 else BLOCK_ROWS
    return torch.cat([function(block.expand(n_models, -1, -1)) for block in torch.split(x, rows)], dim=1)


def squared_error(target: nn.Module, predictor: nn.Module, x: Tensor) -> Tensor:
    """Return L = mean_d (f(x) − f̂(x))² (Wang et al. 2019, eq. 8): (n_models, batch, C) -> (n_models, batch)."""
    error: Tensor = (target(x) - predictor(x)).square().mean(dim=-1)
    return error
