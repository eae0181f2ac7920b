"""The adversarial standstill: the best-paid way of not moving (docs/reward.md, Drawbacks).

Support is not density. A predictor interpolates the middle of the data, where velocities are zero, and
demonstrations start at rest, so that a body which stands still may look like the expert. The search starts from
demonstrated states with their velocities set to zero, and descends the error over positions and actions inside the
demonstrated range. What it finds is an upper bound: the body may not be able to hold such a pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from rexd.adam import Adam
from rexd.demos.demonstrations import Demonstrations
from rexd.reward.columns import CLOCK
from rexd.reward.encoder import Encoder
from rexd.reward.rows import Float32, Rows

STARTS = 128
STEPS = 100
STEP_SIZE = 0.05  # in standard deviations of the demonstrations


class HasNovelty(Protocol):
    """A novelty that can be descended: differentiable in the standardised inputs."""

    @property
    def encoder(self) -> Encoder:
        """What gives the networks their inputs."""
        ...

    def novelty_of_inputs(self, x: Tensor) -> Tensor:
        """Return the error of standardised inputs: (batch, C) -> (batch,)."""
        ...


def standstills(
    model: HasNovelty, demonstrations: Demonstrations, velocity_columns: Sequence[int], seed: int
) -> tuple[Tensor, Float32]:
    """Return the best tenth of the standstills that were found: inputs (n, C), and errors (n,) in ascending order.

    Args:
        model: A fitted novelty.
        demonstrations: The search starts from their states and stays within their range.
        velocity_columns: Observation columns that are velocities, which are set to zero.
        seed: Seed of the choice of states.
    """
    encoder, rows = model.encoder, demonstrations.transitions()
    pick = np.random.default_rng(seed).integers(len(rows), size=STARTS)
    still = rows.obs[pick].copy()
    still[:, list(velocity_columns)] = 0.0
    # The body stands still, so that the next state is the state; the clock shows a typical time.
    x = encoder.standardise(encoder.raw(Rows(still, rows.act[pick], still))).requires_grad_()
    seen = encoder.standardise(encoder.raw(Rows.of_transitions(rows)))
    low, high = seen.min(dim=0).values, seen.max(dim=0).values
    discrete = encoder.columns.discrete
    fixed = torch.tensor([_is_fixed(name, velocity_columns, discrete) for name in encoder.kept_names])
    start = x.detach().clone()
    poses = start.clone()
    optimiser = Adam([x], STEP_SIZE)
    best = torch.full((STARTS,), torch.inf)
    for _ in range(STEPS + 1):
        errors = model.novelty_of_inputs(x)
        better = errors.detach() < best  # the descent may overshoot
        best = torch.where(better, errors.detach(), best)
        poses = torch.where(better[:, None], x.detach(), poses)
        optimiser.zero_grad()
        errors.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            x.copy_(torch.where(fixed, start, torch.minimum(torch.maximum(x, low), high)))
    values, order = best.sort()
    return poses[order[: STARTS // 10]], values[: STARTS // 10].numpy()


def _is_fixed(column: str, velocity_columns: Sequence[int], discrete: bool) -> bool:
    """Return whether the search leaves a column as it is: velocities, the time and one-hot actions."""
    if column == CLOCK:
        return True
    kind, number = column.rstrip("]").split("[")
    if kind == "action":
        return discrete
    return int(number) in velocity_columns
