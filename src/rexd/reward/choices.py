"""The words that the settings of a reward choose between; they stand apart from PyTorch, so that help is quick."""

from __future__ import annotations

from typing import Literal, get_args

Inputs = Literal["state-action", "state", "state-next-state"]
"""What the support is estimated on: (s, a), s alone, or (s, s')."""
INPUTS: tuple[Inputs, ...] = get_args(Inputs)

Shape = Literal["logarithmic", "linear", "rational", "exponential"]
"""How an error becomes a reward; ``rexd.reward.shapes`` has the formulas."""
SHAPES: tuple[Shape, ...] = get_args(Shape)

EstimatorName = Literal["red", "nearest-neighbour", "autoencoder", "kernel-pca", "pwil"]
"""The estimators of novelty, by the tag of their settings and files; ``rexd.reward.registry`` knows their homes."""
ESTIMATORS: tuple[EstimatorName, ...] = get_args(EstimatorName)
