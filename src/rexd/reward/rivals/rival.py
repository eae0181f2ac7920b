"""What all rivals share: they look at columns alone, and refuse rows that are not numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.estimator.fitted import Novelty
from rexd.reward.rivals.settings import RivalConfig
from rexd.reward.rows import Rows


@dataclass(frozen=True, eq=False)
class RivalNovelty(Novelty):
    """A novelty of columns that are numbers."""

    def inputs_of(self, rows: Rows) -> Tensor:
        """Return the standardised inputs of rows that fit the encoder: (batch, C).

        Raises:
            SpaceMismatchError: A row holds NaN, which would be near to nothing and far from nothing.
        """
        x = super().inputs_of(rows)
        bad = int(x.isnan().any(dim=1).sum())
        if bad:
            raise SpaceMismatchError(
                f"{bad} of {len(x)} rows hold NaN; expected numbers. Leave these rows out, or repair what made them"
            )
        return x


class Rival(Estimator):
    """An estimator whose settings can be given by name: ``NearestNeighbour(k=5)``."""

    def __init__(self, config: RivalConfig | None = None, **settings: Any) -> None:
        """Take a configuration, or its fields by name.

        Raises:
            RexdError: A name is unknown, or a value is out of range.
        """
        super().__init__((config or self.settings()).with_changes(settings))

    def _image_encoder(self, columns: InputColumns, rows: Rows) -> Encoder:
        raise DemonstrationError(
            f"observations are images of shape {columns.image}, and {self.config.type} takes columns; expected one row "
            "of numbers for each observation. Use type='red', which takes images"
        )
