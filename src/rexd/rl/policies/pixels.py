"""The convolutions of policies that look at images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from rexd.reward.red.convolutions import feature_count, kernel_shapes

Kernels = Sequence[tuple[Tensor, Tensor]]
"""The (weight (out, in, 3, 3), bias (out,)) of each convolution."""


def shapes_for(image: tuple[int, ...]) -> tuple[list[tuple[int, int]], int]:
    """Return the channels (in, out) of each convolution for images (H, W, C), and the number of features they give."""
    height, width, channels = image
    return kernel_shapes((channels, height, width)), feature_count((channels, height, width))


def check_kernels(image: tuple[int, ...], kernels: Kernels, features: int) -> None:
    """Check that convolutions fit the images that they are for, and the layer that takes their features.

    Raises:
        ValueError: They do not fit.
    """
    expected, count = shapes_for(image) if image else ([], features)
    found = [(weight.shape, bias.shape) for weight, bias in kernels]
    if found != [((out, into, 3, 3), (out,)) for into, out in expected] or count != features:
        raise ValueError(f"{len(found)} convolutions and {features} features for images of shape {image}")


def features_of(images: Tensor, kernels: Kernels) -> Tensor:
    """Return the features of images, (n, H, W, C) uint8 -> (n, features)."""
    x = images.permute(0, 3, 1, 2).float() / 127.5 - 1.0
    for weight, bias in kernels:
        x = torch.relu(conv2d(x, weight, bias, stride=2, padding=1))
    return x.flatten(1)
