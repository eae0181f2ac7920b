"""Convolutional networks, several evaluated at once: the random targets and the predictors of RED for images.

The random copy of the network is the target, as in random network distillation (Burda et al. 2018, arXiv 1810.12894).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from rexd.reward.estimator.networks import BLOCK_IMAGES, EnsembleMLP, Shapes, layer_shapes
from rexd.reward.image_encoder import unpack

CHANNELS = (16, 32, 32, 32)  # of convolutions of 3 × 3 pixels that halve the image each time
SMALLEST = 6  # pixels of the shorter side below which it is halved no more


def kernel_shapes(pixels: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return the channels (in, out) of the convolutions for images of (channels, height, width)."""
    inputs, *sides = pixels
    shapes: list[tuple[int, int]] = []
    for outputs in CHANNELS:
        if min(sides) <= SMALLEST and shapes:
            break
        shapes.append((inputs, outputs))
        inputs, sides = outputs, [(side + 1) // 2 for side in sides]
    return shapes


def feature_count(pixels: tuple[int, int, int]) -> int:
    """Return the number of features that the convolutions give for images of (channels, height, width)."""
    shapes, sides = kernel_shapes(pixels), list(pixels[1:])
    for _ in shapes:
        sides = [(side + 1) // 2 for side in sides]
    return shapes[-1][1] * math.prod(sides)


def parameter_shapes(pixels: tuple[int, int, int], columns: int, layers: Sequence[int], n_models: int) -> Shapes:
    """Yield the name and the shape of each parameter and buffer of an ``EnsembleCNN``, without building it."""
    for name, shape in layer_shapes((feature_count(pixels) + columns, *layers), n_models):
        yield f"dense.{name}", shape
    for number, (inputs, outputs) in enumerate(kernel_shapes(pixels)):
        yield f"kernels.{number}", (n_models, outputs, inputs, 3, 3)
        yield f"biases.{number}", (n_models, outputs)
    yield "mean", pixels
    yield "std", ()


class EnsembleCNN(nn.Module):
    """``n_models`` independent networks: convolutions, then perceptrons of their features and the other columns.

    Attributes:
        kernels: One parameter of shape (n_models, out, in, 3, 3) for each convolution, He-normal.
        biases: One parameter of shape (n_models, out) for each convolution.
        mean: (channels, height, width), the mean of each pixel.
        std: (), the spread of all pixels around their means.
        dense: The perceptrons.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        pixels: tuple[int, int, int],
        columns: int,
        layers: Sequence[int],
        n_models: int,
        generator: torch.Generator,
        *,
        bias_std: float = 0.0,
    ) -> None:
        """Draw the weights.

        Args:
            pixels: The (channels, height, width) of the images.
            columns: The number of other columns, which follow the pixels in a packed row.
            layers: The widths of the perceptrons, the output included.
            n_models: The number of networks.
            generator: Draws the weights.
            bias_std: The standard deviation of biases.
        """
        super().__init__()
        self.pixels = pixels
        self.kernels, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in kernel_shapes(pixels):
            kernel = torch.randn(n_models, outputs, inputs, 3, 3, generator=generator)
            self.kernels.append(nn.Parameter(kernel * math.sqrt(2.0 / (9 * inputs))))
            self.biases.append(nn.Parameter(torch.randn(n_models, outputs, generator=generator) * bias_std))
        self.register_buffer("mean", torch.full(pixels, 127.5))
        self.register_buffer("std", torch.tensor(127.5))
        sizes = (feature_count(pixels) + columns, *layers)
        self.dense = EnsembleMLP(sizes, n_models, generator, bias_std=bias_std)

    @property
    def models(self) -> int:
        """The number of networks."""
        return self.dense.models

    def standardise(self, packed: Tensor) -> None:
        """Take the mean of each pixel, and one spread of all, from packed rows (N, bytes), a block at a time."""
        size = math.prod(self.pixels)
        blocks = [unpack(block, size)[0] for block in torch.split(packed, BLOCK_IMAGES)]
        mean = torch.stack([block.double().sum(dim=0) for block in blocks]).sum(dim=0) / len(packed)
        spread = sum(float((block.double() - mean).square().sum()) for block in blocks) / packed[:, :size].numel()
        self.mean, self.std = mean.float().reshape(self.pixels), torch.tensor(math.sqrt(spread))

    def forward(self, packed: Tensor) -> Tensor:
        """Map packed rows (n_models, batch, bytes) uint8 to (n_models, batch, outputs)."""
        models, batch = packed.shape[:2]
        pixels, columns = unpack(packed, math.prod(self.pixels))
        # all networks in one convolution: their channels stand side by side
        x = pixels.reshape(models, batch, *self.pixels).transpose(0, 1).flatten(1, 2)
        x = (x.float() - self.mean.repeat(models, 1, 1)) / self.std
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = conv2d(x, kernel.flatten(0, 1), bias.flatten(), stride=2, padding=1, groups=models).relu_()
        features = x.reshape(batch, models, -1).transpose(0, 1)
        # A few columns would drown in hundreds of features: each of the two kinds has half of the first layer's weight.
        count, width = features.shape[2], columns.shape[2]
        if width:
            whole = (count + width) / 2.0
            features, columns = features * math.sqrt(whole / count), columns * math.sqrt(whole / width)
        return self.dense(torch.cat([features, columns], dim=2))  # type: ignore[no-any-return]
