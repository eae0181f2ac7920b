"""What a fit is given, made ready: demonstrations in memory, their encoded rows, and what is known of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.known_next import with_known_next
from rexd.demos.transitions import Transitions
from rexd.errors import DemonstrationError
from rexd.reward.encoder import Encoder

if TYPE_CHECKING:
    from rexd.reading.anything import DemonstrationsLike


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """The demonstrated rows as a novelty is learnt from them.

    Attributes:
        encoder: What gave the inputs.
        x: (N, C) standardised inputs, or packed rows of images.
        fold: (N,) the fold of each row, from 0; −1 where no row is held out.
        transitions: The rows themselves, which say to which trajectory each belongs and when it was.
    """

    encoder: Encoder
    x: Tensor
    fold: NDArray[np.int64]
    transitions: Transitions

    @property
    def models(self) -> int:
        """The number of models: one for each fold."""
        return max(int(self.fold.max()) + 1, 1)


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
