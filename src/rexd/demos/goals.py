"""Goals: which observation columns say what is to be reached, which say what is reached, and how one is exchanged.

A task with goals asks for the same thing at another place in each episode. Its observations name the place, and its
dynamics do not depend on it, so that a recorded step stays true when the place in it is exchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from rexd.errors import SpaceMismatchError

Relative = Literal["achieved-desired", "desired-achieved"]
"""What the columns relative to a goal hold: achieved − desired, or desired − achieved."""
DESIRED, ACHIEVED = "desired_goal", "achieved_goal"  # the keys of Gymnasium's goal interface
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Goals:
    """The columns that know the goal; each number of a goal has one column in ``desired`` and one in ``reached``.

    Attributes:
        desired: The columns that hold the goal, g.
        reached: The columns that hold what is achieved, or how far that is from the goal.
        relative: What ``reached`` holds where it is relative to the goal; None where it holds what is achieved itself.
    """

    desired: tuple[int, ...]
    reached: tuple[int, ...]
    relative: Relative | None = None

    def __post_init__(self) -> None:
        """Check that the columns can be those of goals.

        Raises:
            SpaceMismatchError: They are not as many, or a column is named twice.
        """
        both = (*self.desired, *self.reached)
        if not self.desired or len(self.desired) != len(self.reached):
            raise SpaceMismatchError(
                f"the goal has {len(self.desired)} columns, {list(self.desired)}, and what is reached has "
                f"{len(self.reached)}, {list(self.reached)}; expected as many, and one at least"
            )
        if len(set(both)) < len(both) or min(both) < 0:
            raise SpaceMismatchError(
                f"the columns of the goal, {list(self.desired)}, and of what is reached, {list(self.reached)}, share a "
                "column; expected each column once, and none below 0"
            )
        if self.relative not in (None, *get_args(Relative)):
            raise SpaceMismatchError(
                f"relative is {self.relative!r}; expected one of {', '.join(get_args(Relative))}, or None"
            )

    @classmethod
    def named(cls, names: Sequence[str]) -> Self | None:
        """Find the goal by the names of columns, as ``observation_names`` of Gymnasium's goal interface are.

        Args:
            names: The name of each column, such as ``desired_goal[1]`` or ``achieved_goal/kettle[0]``.

        Returns:
            The goal; None where no columns are named as goals, or where what is desired and achieved differ in kind.
        """
        parts = {
            key: {name.removeprefix(key): at for at, name in enumerate(names) if _belongs(name, key)}
            for key in (DESIRED, ACHIEVED)
        }
        if not parts[DESIRED] or parts[DESIRED].keys() != parts[ACHIEVED].keys():
            return None
        return cls(tuple(parts[DESIRED].values()), tuple(parts[ACHIEVED][name] for name in parts[DESIRED]))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build it from what ``to_dict`` returned, after JSON.

        Raises:
            KeyError: A field is missing.
            SpaceMismatchError: The columns cannot be those of goals.
        """
        desired, reached = (tuple(map(int, values[name])) for name in ("desired", "reached"))
        return cls(desired, reached, values["relative"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def check(self, obs_dim: int, source: str) -> None:
        """Check that observations have the columns.

        Raises:
            SpaceMismatchError: A column does not exist.
        """
        if max(*self.desired, *self.reached) >= obs_dim:
            raise SpaceMismatchError(
                f"{source}: the goal is in columns {list(self.desired)} and what is reached in {list(self.reached)}, "
                f"but there are {obs_dim} observation columns; expected numbers from 0 to {obs_dim - 1}"
            )

    def achieved(self, observations: NDArray[Any]) -> NDArray[Any]:
        """Return what is achieved in observations: (..., D) -> (..., G)."""
        reached = observations[..., list(self.reached)]
        if self.relative is None:
            return reached
        desired = observations[..., list(self.desired)]
        return np.asarray(desired + reached if self.relative == "achieved-desired" else desired - reached)

    def difference(self, observations: NDArray[Any]) -> NDArray[Any]:
        """Return achieved − desired: (..., D) -> (..., G)."""
        reached = observations[..., list(self.reached)]
        if self.relative is None:
            return np.asarray(reached - observations[..., list(self.desired)])
        return np.asarray(reached if self.relative == "achieved-desired" else -reached)

    def exchanged(self, observations: NDArray[Any], goal: NDArray[Any]) -> NDArray[Any]:
        """Return observations (..., D) of the same states with other goals, (G,) or (..., G)."""
        changed = observations.copy()
        changed[..., list(self.desired)] = goal
        if self.relative is not None:
            away = self.achieved(observations) - goal
            changed[..., list(self.reached)] = away if self.relative == "achieved-desired" else -away
        return changed


def _belongs(name: str, key: str) -> bool:
    """Whether a column is part of the entry ``key`` of a dict: ``key[0]``, or ``key/...`` where that is a dict too."""
    rest = name.removeprefix(key)
    return rest != name and (rest.startswith("/") or _INDEX.fullmatch(rest) is not None)
