"""Inputs of a reward's networks: raw columns, chosen and standardised by the statistics of the demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rexd.reward.columns import CLOCK, InputColumns
from rexd.reward.rows import Rows

# The steps of float32, as a share of a column's size (or of 1): what spreads less is rounding, not information.
RESOLUTION = torch.finfo(torch.float32).eps
LEAST_RELEVANCE = 0.05  # a column of smaller relevance is left out
FAR = 1e6  # standard deviations; beyond them everything is equally new, and squares would overflow


@dataclass(frozen=True, eq=False)
class Encoder:
    """Maps raw observations and actions to standardised network inputs.

    Attributes:
        columns: The raw columns that it is given.
        mean: (C,) float32, the means of the kept columns.
        std: (C,) float32, the standard deviations of the kept columns, positive.
        kept: (C,) int64, the raw columns that vary in the demonstrations and are not left out as irrelevant.
        relevance: (raw columns,) float32 in [0, 1], factors of the standardised columns
            (``rexd.reward.estimator.between_episodes``, ``rexd.reward.red.predictability``).
    """

    columns: InputColumns
    mean: Tensor
    std: Tensor
    kept: Tensor
    relevance: Tensor

    @classmethod
    def fit(
        cls,
        columns: InputColumns,
        raw: Tensor,
        *,
        relevance: Tensor | None = None,
        least: Tensor | None = None,
        standardised: bool = True,
    ) -> Encoder:
        """Take mean and standard deviation of the raw columns, and drop the columns that never vary.

        Args:
            columns: What the raw columns are.
            raw: (N, raw columns) rows, as ``InputColumns.concatenate`` returns them.
            relevance: (raw columns,) factors of the columns; None leaves all at 1.
            least: (raw columns,) float64, what each standard deviation is raised to where it is smaller
                (``rexd.reward.beginner``); None leaves all as they are. It brings no column back that never varies.
            standardised: False keeps every column as it is.
        """
        factors = torch.ones(raw.shape[1]) if relevance is None else relevance
        if not standardised:
            zeros = torch.zeros(raw.shape[1])
            return cls(columns, zeros, zeros + 1.0, torch.arange(raw.shape[1]), factors)
        wide = raw.double()
        mean, std = wide.mean(dim=0), wide.std(dim=0, correction=0)
        kept = torch.nonzero(varies(mean, std) & (factors >= LEAST_RELEVANCE)).flatten()
        std = std if least is None else torch.maximum(std, least)
        return cls(columns, mean[kept].float(), std[kept].float(), kept, factors)

    @property
    def kept_names(self) -> list[str]:
        """The names of the columns that enter, in order."""
        names = self.columns.names
        return [names[column] for column in self.kept.tolist()]

    @property
    def dropped_columns(self) -> list[str]:
        """The names of the columns that do not enter because they are constant or irrelevant.

        A clock that never varies, as where each trajectory is one row, is no column of the demonstrations and is not
        named.
        """
        kept = set(self.kept.tolist())
        return [name for column, name in enumerate(self.columns.names) if column not in kept and name != CLOCK]

    @property
    def describes_rows(self) -> bool:
        """Whether anything but the clock enters."""
        return any(name != CLOCK for name in self.kept_names)

    @property
    def weighted_columns(self) -> list[str]:
        """The names of the columns that enter with less than half their weight.

        These are observations that tell episodes apart and not what the expert does, and actions that are mostly
        noise.
        """
        return [name for name, factor in zip(self.columns.names, self.relevance.tolist(), strict=True) if factor < 0.5]

    @cached_property
    def _spread(self) -> Tensor:
        return self.std / self.relevance[self.kept]

    def raw(self, rows: Rows) -> Tensor:
        """Return what ``standardise`` takes: (batch, raw columns). The clock shows its mean where steps are unknown."""
        return self.columns.concatenate(rows, self._typical_clock if rows.step is None else 0.0)

    @property
    def _typical_clock(self) -> float:
        at = torch.nonzero(self.kept == len(self.columns.names) - 1).flatten()
        return float(self.mean[at]) if self.columns.clock and len(at) else 0.0

    def standardise(self, raw: Tensor) -> Tensor:
        """Map (batch, raw columns) to (batch, C), of zero mean and a spread of 1 · relevance on the demonstrations."""
        if len(self.kept) < raw.shape[1]:
            raw = raw[:, self.kept]
        return ((raw - self.mean) / self._spread).clamp(-FAR, FAR)


def varies(mean: Tensor, std: Tensor) -> Tensor:
    """Return whether each column's spread is more than rounding: (C,) and (C,) float64 -> (C,) bool."""
    return std > RESOLUTION * mean.abs().clamp(min=1.0)
