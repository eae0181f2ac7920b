"""What a fit is given, made ready: demonstrations in memory, and what is known of their rows and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.known_next import with_known_next
from rexd.errors import DemonstrationError

if TYPE_CHECKING:
    from rexd.reading.anything import DemonstrationsLike


def reach(demonstrations: Demonstrations) -> Tensor | None:
    """Return how far actions reach from the middle to a bound: (A,) float32; None where no bounds are known."""
    if demonstrations.action_bounds is None:
        return None
    low, high = demonstrations.action_bounds
    return torch.from_numpy(((high - low) / 2.0).astype(np.float32))


def demonstrations_in_memory(given: DemonstrationsLike, seed: int) -> Demonstrations:
    """Return what ``fit`` was given as demonstrations; only what is none yet needs the packages that read files."""
    if isinstance(given, Demonstrations):
        return given
    from rexd.reading.anything import demonstrations_of

    return demonstrations_of(given).held(seed)


def only_known_next(demonstrations: Demonstrations) -> Demonstrations:
    """Keep the rows whose next observation is recorded.

    Raises:
        DemonstrationError: There is none.
    """
    kept = with_known_next(demonstrations)
    if kept is None:
        raise DemonstrationError(
            f"{demonstrations.source}: no row has a recorded next observation; use inputs='state-action' or 'state'"
        )
    return kept
