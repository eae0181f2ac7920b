"""The adversarial standstill: the most rewarded way of not moving (docs/reward.md, Drawbacks).

Support is not density. A predictor interpolates the middle of the data, where velocities are zero, and
demonstrations start at rest, so that a body which stands still may look expert. The search starts from demonstrated
states with their velocities set to zero and descends the error over positions and actions, inside the demonstrated
range. It is an upper bound: whether the body can hold such a pose is for the simulator to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.reward.red.encoder import CLOCK

if TYPE_CHECKING:
    from rexd.reward.red.red import RED

STARTS = 128
STEPS = 100
STEP_SIZE = 0.05  # in standard deviations of the demonstrations


def standstill_novelty(
    model: RED, demonstrations: Demonstrations, velocity_columns: Sequence[int]
) -> NDArray[np.float32]:
    """Errors of the best tenth of the standstills found: (STARTS // 10,) float32.

    Args:
        model: A fitted RED.
        demonstrations: Where the search starts, and the range that it keeps to.
        velocity_columns: Observation columns that are velocities, set to zero.
    """
    encoder, rows = model.encoder_, demonstrations.transitions()
    pick = np.random.default_rng(model.config.seed).integers(len(rows), size=STARTS)
    still = rows.obs[pick].copy()
    still[:, list(velocity_columns)] = 0.0
    act = rows.act
    # standing still, the next state is the state
    x = encoder.standardise(encoder.raw(still, act[pick], still)).requires_grad_()  # at a typical time
    seen = encoder.standardise(encoder.raw(rows.obs, act, rows.next_obs, rows.step))
    low, high = seen.min(dim=0).values, seen.max(dim=0).values
    fixed = torch.tensor([_is_fixed(encoder.column_names[c], velocity_columns, encoder.discrete) for c in encoder.kept])
    start = x.detach().clone()
    optimiser = torch.optim.Adam([x], lr=STEP_SIZE)
    best = torch.full((STARTS,), torch.inf)
    for _ in range(STEPS + 1):
        errors = model.novelty_of_inputs(x)
        best = torch.minimum(best, errors.detach())  # the descent may overshoot
        optimiser.zero_grad()
        errors.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            x.copy_(torch.where(fixed, start, torch.minimum(torch.maximum(x, low), high)))
    return best.sort().values[: STARTS // 10].numpy()


def _is_fixed(column: str, velocity_columns: Sequence[int], discrete: bool) -> bool:
    """Velocities stay zero, time and one-hot actions as they are; positions and continuous actions are searched."""
    if column == CLOCK:
        return True
    kind, number = column.rstrip("]").split("[")
    if kind == "action":
        return discrete
    return int(number) in velocity_columns
