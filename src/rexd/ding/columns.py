"""The columns of observations and actions as network inputs, derived from the config and the expert's data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from rexd.errors import SpaceMismatchError


@dataclass(frozen=True)
class Columns:
    """The columns by which a transition becomes a network input.

    Attributes:
        obs: D, the number of columns of a flattened observation.
        act: A, the number of columns of an action; for one-hot actions the number of discrete actions.
        one_hot: Whether actions are integers that are encoded one-hot.
        inferred: Whether the expert's actions alone say how many discrete actions there are, so that there may be more.
    """

    obs: int
    act: int
    one_hot: bool
    inferred: bool = field(default=False, compare=False)

    @property
    def input_size(self) -> int:
        """Number of columns of observation and action together."""
        return self.obs + self.act

    @classmethod
    def of(
        cls,
        obs: Tensor,
        act: Tensor,
        input_size: int | None,
        action_shape: Any = None,
        *,
        always_one_hot: bool = False,
        least: int = 0,
    ) -> Columns:
        """Derive the columns from expert rows.

        Integer actions become one-hot if ``action_shape`` gives their number. Otherwise ``input_size`` decides: they
        stay numbers if it leaves one column for them, as DI-engine's own RED needs it, and become one-hot if it leaves
        more. Without either, they become one-hot if each is 0-d.

        Args:
            obs: (N, ...) observations.
            act: (N, ...) actions.
            input_size: Number of columns of observation and action together, from the config; None infers it.
            action_shape: Number of discrete actions, or the shape of continuous ones; None if not given.
            always_one_hot: Whether integer actions become one-hot whatever their shape, and where ``input_size``
                counts them as one column too. An ``action_shape`` of 1 keeps them as numbers.
            least: The number of discrete actions that is known, where it may be more than the expert's actions show.

        Raises:
            SpaceMismatchError: ``input_size`` or ``action_shape`` does not fit the rows.
        """
        width, each = _width(obs), _width(act)
        given = _size(action_shape)
        integer = not act.is_floating_point() and each == 1
        if always_one_hot and integer and input_size == width + 1:
            input_size = None
        left = None if input_size is None else input_size - width
        one_hot = integer and (given or left or (2 if act.ndim == 1 or always_one_hot else 1)) > 1
        columns = each
        if one_hot:
            columns = given or left or max(int(act.max()) + 1, least)
            _check_range(act, columns)
        elif given is not None and given != each:
            raise SpaceMismatchError(f"action_shape is {action_shape}, but the expert's actions have {each} columns")
        found = cls(width, columns, one_hot, inferred=one_hot and not given and not left)
        if input_size is not None and input_size != found.input_size:
            raise SpaceMismatchError(
                f"input_size is {input_size}, but the expert's observations have {width} columns and its actions "
                f"{columns}: expected {found.input_size}. Leave input_size out, or correct it"
            )
        return found

    def unseen(self, act: Tensor) -> Tensor | None:
        """Return which rows have a discrete action beyond those that were inferred, (batch,) bool; None if none has."""
        if not self.inferred or _width(act) != 1:
            return None
        beyond = act.reshape(len(act)) >= self.act
        return beyond if bool(beyond.any()) else None

    def split(self, obs: Tensor, act: Tensor) -> tuple[Tensor, Tensor]:
        """Flatten observations to (batch, D) float32, and actions to (batch, A) float32 or, if one-hot, (batch,) int64.

        Raises:
            SpaceMismatchError: The columns of the rows are not those of the expert's rows.
        """
        width, each = _width(obs), _width(act)
        if width != self.obs or each != (1 if self.one_hot else self.act) or len(obs) != len(act):
            raise SpaceMismatchError(
                f"observations have shape {tuple(obs.shape)} and actions {tuple(act.shape)}; the reward model expects "
                f"(batch, {self.obs}) and {'(batch,) integers' if self.one_hot else f'(batch, {self.act})'}"
            )
        flat = obs.reshape(len(obs), width).float()
        if not self.one_hot:
            return flat, act.reshape(len(act), each).float()
        given = act.reshape(len(act))
        number = given.long()
        if given.is_floating_point() and not torch.equal(number.to(given.dtype), given):
            raise SpaceMismatchError("actions hold fractions; the reward model expects the numbers of discrete actions")
        _check_range(number, self.act)
        return flat, number

    def join(self, obs: Tensor, act: Tensor) -> Tensor:
        """Return the inputs of the networks, (batch, D + A) float32."""
        flat, action = self.split(obs, act)
        if self.one_hot:
            action = torch.nn.functional.one_hot(action, self.act).float()
        return torch.cat([flat, action], dim=1)


def _width(rows: Tensor) -> int:
    return math.prod(rows.shape[1:])


def _size(action_shape: Any) -> int | None:
    if action_shape is None:
        return None
    return math.prod(int(n) for n in action_shape) if isinstance(action_shape, Sequence) else int(action_shape)


def _check_range(act: Tensor, count: int) -> None:
    if act.numel() and not 0 <= int(act.min()) <= int(act.max()) < count:
        raise SpaceMismatchError(
            f"actions run from {int(act.min())} to {int(act.max())}; expected 0 to {count - 1}. Set action_shape in "
            "the config to the number of discrete actions"
        )
