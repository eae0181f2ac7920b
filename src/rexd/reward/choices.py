"""The words that the settings of a reward choose between; they stand apart from PyTorch, so that help is quick."""

from __future__ import annotations

from typing import Literal, get_args

Inputs = Literal["state-action", "state", "state-next-state"]
"""What the support is estimated on: (s, a), s alone, or (s, s')."""
INPUTS: tuple[Inputs, ...] = get_args(Inputs)

Shape = Literal["logarithmic", "rational", "exponential"]
"""How an error becomes a reward; ``rexd.reward.shapes`` has the formulas."""
SHAPES: tuple[Shape, ...] = get_args(Shape)
