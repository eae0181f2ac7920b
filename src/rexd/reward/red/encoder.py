"""Inputs of the networks: columns chosen, encoded and standardised by the demonstrations' statistics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.errors import SpaceMismatchError
from rexd.reward.red.between_episodes import LEAST
from rexd.reward.red.config import Inputs

CONSTANT = 1e-6  # a column whose spread is below this share of its size (or of 1) carries no information
CLOCK = "clock"
CLOCK_STEPS = 20.0  # what counts as early; 5 and 100 do nearly as well (docs/experiments.md)
FAR = 1e6  # standard deviations; beyond them all is equally alien, and squares would overflow


@dataclass(frozen=True, eq=False)
class Encoder:
    """Maps raw observations and actions to standardised network inputs.

    Attributes:
        inputs: Which of s, a and s' enter.
        obs_dim: D, observation columns.
        act_dim: A, action columns, or the size of a discrete action space.
        discrete: Whether actions are integers, to be encoded one-hot.
        clock: Whether the steps since the episode's start are a column, the last.
        mean: (C,) float32 of the kept columns.
        std: (C,) float32 of the kept columns, positive.
        kept: (C,) int64, the raw columns that vary in the demonstrations and are not left out as irrelevant.
        relevance: (raw columns,) float32 in [0, 1], factors of the standardised columns
            (``rexd.reward.red.between_episodes``, ``rexd.reward.red.predictability``).
    """

    inputs: Inputs
    obs_dim: int
    act_dim: int
    discrete: bool
    clock: bool
    mean: Tensor
    std: Tensor
    kept: Tensor
    relevance: Tensor

    @classmethod
    def fit(
        cls,
        inputs: Inputs,
        rows: Tensor,
        obs_dim: int,
        act_dim: int,
        *,
        discrete: bool,
        clock: bool = False,
        relevance: Tensor | None = None,
        standardised: bool = True,
    ) -> Encoder:
        """Take mean and standard deviation of raw ``rows`` (N, raw columns); drop the columns that never vary.

        Args:
            inputs: Which of s, a and s' enter.
            rows: (N, raw columns).
            obs_dim: Observation columns.
            act_dim: Action columns.
            discrete: Whether actions are one-hot.
            clock: Whether the last column is the clock.
            relevance: (raw columns,) factors of the columns; None leaves all at 1.
            standardised: False keeps every column as it is.
        """
        factors = torch.ones(rows.shape[1]) if relevance is None else relevance
        if not standardised:
            all_columns, zeros = torch.arange(rows.shape[1]), torch.zeros(rows.shape[1])
            return cls(inputs, obs_dim, act_dim, discrete, clock, zeros, zeros + 1.0, all_columns, factors)
        wide = rows.double()
        mean, std = wide.mean(dim=0), wide.std(dim=0, correction=0)
        kept = torch.nonzero(varies(mean, std) & (factors >= LEAST)).flatten()
        return cls(inputs, obs_dim, act_dim, discrete, clock, mean[kept].float(), std[kept].float(), kept, factors)

    @property
    def dropped_columns(self) -> list[str]:
        """Names of the columns that do not enter, constant or of no relevance, such as ``observation[27]``.

        A clock that never varies, as where each trajectory is one row, is no column of the demonstrations.
        """
        kept = set(self.kept.tolist())
        return [name for column, name in enumerate(self.column_names) if column not in kept and name != CLOCK]

    @property
    def describes_rows(self) -> bool:
        """Whether anything but the clock enters."""
        return any(self.column_names[column] != CLOCK for column in self.kept.tolist())

    @property
    def weighted_columns(self) -> list[str]:
        """Names of the columns at less than half their weight.

        These are observations that tell episodes apart and not what the expert does, and actions that are mostly
        noise.
        """
        return [name for name, factor in zip(self.column_names, self.relevance.tolist(), strict=True) if factor < 0.5]

    @cached_property
    def _spread(self) -> Tensor:
        return self.std / self.relevance[self.kept]

    @property
    def column_names(self) -> list[str]:
        """Names of the raw columns, in order."""
        names = [f"observation[{i}]" for i in range(self.obs_dim)]
        if self.inputs == "state-action":
            names += [f"action[{i}]" for i in range(self.act_dim)]
        elif self.inputs == "state-next-state":
            names += [f"next_observation[{i}]" for i in range(self.obs_dim)]
        return [*names, CLOCK] if self.clock else names

    def raw(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None,
        next_obs: NDArray[Any] | None,
        step: NDArray[np.int64] | None = None,
    ) -> Tensor:
        """What ``standardise`` takes: (batch, raw columns). Where steps are not given, the clock shows its mean."""
        rows = raw_rows(self.inputs, obs, act, next_obs, self.act_dim)
        if not self.clock:
            return rows
        if step is not None:
            return with_clock(rows, step)
        at = torch.nonzero(self.kept == len(self.column_names) - 1).flatten()
        typical = float(self.mean[at]) if len(at) else 0.0
        return torch.cat([rows, rows.new_full((len(rows), 1), typical)], dim=1)

    def standardise(self, raw: Tensor) -> Tensor:
        """(batch, raw columns) -> (batch, C), zero mean and a spread of 1 · relevance on the demonstrations."""
        if len(self.kept) < raw.shape[1]:
            raw = raw[:, self.kept]
        return ((raw - self.mean) / self._spread).clamp(-FAR, FAR)

    def check(
        self,
        obs: NDArray[Any],
        act: NDArray[Any] | None,
        next_obs: NDArray[Any] | None,
        step: NDArray[np.int64] | None = None,
    ) -> None:
        """Refuse arrays that do not fit, naming what was found and expected.

        Raises:
            SpaceMismatchError: A shape or length is wrong, or an array that is needed is missing.
        """
        if obs.ndim != 2 or obs.shape[1] != self.obs_dim:
            raise SpaceMismatchError(
                f"observations have shape {obs.shape}; the reward was fitted to (batch, {self.obs_dim})"
            )
        if self.inputs == "state-action":
            expected = (len(obs),) if self.discrete else (len(obs), self.act_dim)
            found = None if act is None else act.shape
            if found != expected:
                raise SpaceMismatchError(f"actions have shape {found}; the reward expects {expected}")
            if self.discrete and act is not None and act.size and (act.min() < 0 or act.max() >= self.act_dim):
                raise SpaceMismatchError(
                    f"actions run from {act.min()} to {act.max()}; the reward expects 0 to {self.act_dim - 1}"
                )
        if step is not None and np.shape(step) != (len(obs),):
            raise SpaceMismatchError(f"steps have shape {np.shape(step)}; the reward expects ({len(obs)},)")
        if self.inputs == "state-next-state":
            found = None if next_obs is None else next_obs.shape
            if found != obs.shape:
                raise SpaceMismatchError(f"next observations have shape {found}; the reward expects {obs.shape}")


def varies(mean: Tensor, std: Tensor) -> Tensor:
    """Whether each column's spread is more than rounding: (C,) and (C,) float64 -> (C,) bool."""
    return std > CONSTANT * mean.abs().clamp(min=1.0)


def with_clock(rows: Tensor, step: NDArray[np.int64]) -> Tensor:
    """Append ln(1 + t / 20): the start of an episode takes as much room as all that follows."""
    clock = torch.from_numpy(np.log1p(np.asarray(step) / CLOCK_STEPS).astype(np.float32))
    return torch.cat([rows, clock[:, None]], dim=1)


def raw_rows(
    inputs: Inputs,
    obs: NDArray[Any],
    act: NDArray[Any] | None,
    next_obs: NDArray[Any] | None,
    act_dim: int,
) -> Tensor:
    """Concatenate what ``inputs`` asks for: (batch, raw columns) float32; integer actions become one-hot."""
    state = _tensor(obs)
    if inputs == "state-action" and act is not None:
        if act.ndim == 1:
            hot = torch.nn.functional.one_hot(torch.from_numpy(act.astype(np.int64)), act_dim)
            return torch.cat([state, hot.float()], dim=1)
        return torch.cat([state, _tensor(act)], dim=1)
    if inputs == "state-next-state" and next_obs is not None:
        return torch.cat([state, _tensor(next_obs)], dim=1)
    return state


def _tensor(array: NDArray[Any]) -> Tensor:
    contiguous = np.ascontiguousarray(array, dtype=np.float32)
    # torch warns of read-only memory, which a validated trajectory is; nothing here writes to it
    return torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy())
