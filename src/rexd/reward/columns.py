"""Which columns a reward looks at: observations, actions, next observations and the time, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rexd.demos.choices import one_hot
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.other_goals import goals_of
from rexd.errors import SpaceMismatchError
from rexd.reward.choices import Inputs
from rexd.reward.rows import Rows

CLOCK = "clock"
AWAY = "achieved - desired"  # the name of the columns that hold the way to the goal
CLOCK_STEPS = 20.0  # what counts as early; 5 and 100 do nearly as well (docs/lab/reward-inputs.md)


@dataclass(frozen=True)
class InputColumns:
    """The raw columns of a reward's input, in their order.

    Attributes:
        inputs: Which of the observation s, the action a and the next observation s' are columns.
        obs_dim: D, the number of observation columns.
        act_dim: A, the number of action columns, or of discrete actions.
        discrete: Whether actions are integers, which become one-hot columns.
        choices: The numbers of options of several discrete choices at the same time, A in all; empty for one choice.
        clock: Whether the last column is the time since the start of the episode.
        observation_names: The names of the observation columns, such as ``desired_goal[1]``; empty where they are
            numbered.
        image: The shape (height, width, channels) of observations that are images, which are no columns; else empty.
        goals: Which observation columns know the goal; what is achieved minus what is desired is then all that is
            looked at of an observation, as ``compute_reward`` of Gymnasium's goal interface does. None without goals.
    """

    inputs: Inputs
    obs_dim: int
    act_dim: int
    discrete: bool = False
    clock: bool = False
    choices: tuple[int, ...] = ()
    observation_names: tuple[str, ...] = ()
    image: tuple[int, ...] = ()
    goals: Goals | None = None

    @classmethod
    def of(cls, demonstrations: Demonstrations, inputs: Inputs, *, clock: bool) -> Self:
        """Describe the columns that demonstrations have."""
        count = demonstrations.n_actions
        choices = count if isinstance(count, tuple) else ()
        return cls(
            inputs,
            demonstrations.obs_dim,
            demonstrations.act_dim,
            count is not None,
            clock,
            choices,
            demonstrations.column_names,
            demonstrations.image,
            goals_of(demonstrations),
        )

    @property
    def seen_dim(self) -> int:
        """The number of columns that an observation becomes."""
        return self.obs_dim if self.goals is None else len(self.goals.desired)

    @property
    def width(self) -> int:
        """The number of columns, which is the number of ``names``."""
        more = {"state-action": self.act_dim, "state": 0, "state-next-state": self.seen_dim}[self.inputs]
        return self.seen_dim + more + self.clock

    @property
    def names(self) -> list[str]:
        """The names of the columns, such as ``observation[0]``."""
        if self.goals is not None:
            names = [f"{AWAY}[{i}]" for i in range(self.seen_dim)]
        else:
            names = list(self.observation_names) or [f"observation[{i}]" for i in range(self.obs_dim)]
        if self.inputs == "state-action":
            names += [f"action[{i}]" for i in range(self.act_dim)]
        elif self.inputs == "state-next-state":
            names += [f"next_{name}" for name in names]
        return [*names, CLOCK] if self.clock else names

    @property
    def of_states(self) -> Tensor:
        """Whether each column is one of an observation, or of a next one: (columns,) bool."""
        states = 2 * self.seen_dim if self.inputs == "state-next-state" else self.seen_dim
        return torch.arange(len(self.names)) < states

    def concatenate(self, rows: Rows, typical_clock: float = 0.0) -> Tensor:
        """Return the columns side by side: (batch, columns) float32.

        Args:
            rows: The rows; ``check`` says whether they fit.
            typical_clock: What the clock shows where the rows do not know their time.
        """
        columns = [torch.zeros(len(rows), 0) if self.image else _tensor(self._seen(rows.obs))]
        if self.inputs == "state-action" and rows.act is not None:
            discrete = rows.act.ndim == 1 or bool(self.choices)
            columns.append(_tensor(one_hot(rows.act, self.choices or self.act_dim) if discrete else rows.act))
        elif self.inputs == "state-next-state" and rows.next_obs is not None and not self.image:
            columns.append(_tensor(self._seen(rows.next_obs)))
        if self.clock:
            unknown = columns[0].new_full((len(rows), 1), typical_clock)
            columns.append(unknown if rows.step is None else _clock(rows.step))
        return torch.cat(columns, dim=1) if len(columns) > 1 else columns[0]

    def _seen(self, obs: NDArray[Any]) -> NDArray[Any]:
        """Return the columns that observations (batch, D) become, (batch, seen_dim)."""
        return obs if self.goals is None else self.goals.difference(obs)

    def check(self, rows: Rows) -> None:
        """Refuse rows that do not fit, and name what was found and what was expected.

        Raises:
            SpaceMismatchError: An array has a wrong shape, or one that is needed is missing.
        """
        if self.image and (rows.obs.shape[1:] != self.image or rows.obs.dtype != np.uint8):
            raise SpaceMismatchError(
                f"observations have shape {rows.obs.shape} and dtype {rows.obs.dtype}; the reward was fitted to images "
                f"(uint8) of shape (batch, {', '.join(map(str, self.image))})"
            )
        if not self.image and (rows.obs.ndim != 2 or rows.obs.shape[1] != self.obs_dim):
            raise SpaceMismatchError(
                f"observations have shape {rows.obs.shape}; the reward was fitted to (batch, {self.obs_dim})"
            )
        if self.inputs == "state-action":
            self._check_actions(rows.act, len(rows))
        if rows.step is not None and np.shape(rows.step) != (len(rows),):
            raise SpaceMismatchError(f"steps have shape {np.shape(rows.step)}; the reward expects ({len(rows)},)")
        if self.inputs == "state-next-state":
            found = None if rows.next_obs is None else rows.next_obs.shape
            if found != rows.obs.shape or (
                self.image and rows.next_obs is not None and rows.next_obs.dtype != np.uint8
            ):
                raise SpaceMismatchError(f"next observations have shape {found}; the reward expects {rows.obs.shape}")

    def _check_actions(self, act: NDArray[Any] | None, batch: int) -> None:
        expected = (batch, len(self.choices) or self.act_dim) if self.choices or not self.discrete else (batch,)
        found = None if act is None else act.shape
        if found != expected:
            raise SpaceMismatchError(f"actions have shape {found}; the reward expects {expected}")
        if not self.discrete or act is None or not act.size:
            return
        options = np.array(self.choices or self.act_dim)
        if (act < 0).any() or (act >= options).any():
            raise SpaceMismatchError(
                f"actions run from {act.min()} to {act.max()}; the reward expects 0 to "
                + (f"{self.act_dim - 1}" if not self.choices else f"below {list(self.choices)} in its columns")
            )


def _clock(step: NDArray[Any]) -> Tensor:
    """ln(1 + t / 20), (batch, 1): the start of an episode takes as much room as all that follows."""
    return torch.from_numpy(np.log1p(np.asarray(step) / CLOCK_STEPS).astype(np.float32))[:, None]


def _tensor(array: NDArray[Any]) -> Tensor:
    contiguous = np.ascontiguousarray(array, dtype=np.float32)
    # PyTorch warns of read-only memory, which a validated trajectory is; nothing here writes to it.
    return torch.from_numpy(contiguous if contiguous.flags.writeable else contiguous.copy())
