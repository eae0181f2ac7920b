"""One demonstrated episode, which is checked when it is made and never changed afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.errors import DemonstrationError

Array = NDArray[Any]
BoolArray = NDArray[np.bool_]


_LARGEST = np.finfo(np.float32).max


def describe_observations(shape: tuple[int, ...]) -> str:
    """Say in words what one observation of this shape is."""
    return f"{shape[0]} observation columns" if len(shape) == 1 else f"images of shape {shape}"


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The transitions of one episode, in time order, possibly with gaps (see ``Demonstrations.subsample``).

    Each row carries its own next observation, so that a subsampled trajectory still holds true transitions.

    Attributes:
        observations: (T, D) floating point, the observation before each step; or images, (T, H, W, C) uint8.
        actions: (T, A) floating point for a continuous action space, or integers for a discrete one: (T,), or (T, k)
            for k choices at the same time. (T, 0) floating point where actions were not recorded.
        next_observations: (T, D), or images as above, the observation after each step. Where it was not recorded, as in
            the last row of files without next observations, it repeats the row's own observation.
        terminated: (T,) bool, true where the environment reached a terminal state on this step.
        truncated: (T,) bool, true where a time limit or the end of the recording ended the episode on this step.
        next_known: (T,) bool, false where the next observation was not recorded.
        rewards: (T,), the environment's rewards if the file has them; for evaluation only, never for learning. A
            reward that was not recorded is NaN.
        steps: (T,) int64, the number of steps of the episode before each row. By default rows are counted from 0.
    """

    observations: Array
    actions: Array
    next_observations: Array
    terminated: BoolArray
    truncated: BoolArray
    next_known: BoolArray
    rewards: Array | None = field(default=None)
    steps: NDArray[np.int64] = field(default=None)  # type: ignore[arg-type]  # __post_init__ replaces None

    def __post_init__(self) -> None:
        """Check shapes, dtypes and finiteness, then make every array read-only."""
        if self.steps is None:
            object.__setattr__(self, "steps", np.arange(len(self.actions), dtype=np.int64))
        elif self.steps.ndim != 1 or self.steps.dtype != np.int64 or (self.steps < 0).any():
            raise DemonstrationError(
                f"steps have shape {self.steps.shape} and dtype {self.steps.dtype}; expected int64 of shape (steps,), "
                "0 or more"
            )
        _check_shapes(self)
        for name in ("observations", "actions", "next_observations"):
            _check_finite(name, getattr(self, name))
        if self.rewards is not None:
            _check_finite("rewards", np.where(np.isnan(self.rewards), 0, self.rewards))
        for name, array in vars(self).items():
            if array is not None:
                view = np.ascontiguousarray(array).view()
                view.setflags(write=False)
                object.__setattr__(self, name, view)

    @classmethod
    def from_steps(
        cls,
        observations: Array,
        actions: Array,
        *,
        terminated: bool = False,
        rewards: Array | None = None,
    ) -> Trajectory:
        """Build an episode from observations in time order.

        Args:
            observations: (T + 1, D) with the final observation, or (T, D) without it; then the last row's
                next observation is marked as not known.
            actions: (T, A) floating point or (T,) integers.
            terminated: Whether the last step reached a terminal state. Otherwise it counts as truncated.
            rewards: (T,), or None if they were not recorded.

        Raises:
            DemonstrationError: The lengths do not fit, or a value is not finite.
        """
        steps = len(actions)
        if len(observations) not in (steps, steps + 1):
            raise DemonstrationError(
                f"{len(observations)} observations do not fit {steps} actions; "
                f"expected {steps}, or {steps + 1} with the final observation"
            )
        has_final = len(observations) == steps + 1
        following = observations[1:] if has_final else np.concatenate([observations[1:], observations[-1:]])
        ends, known = np.zeros(steps, bool), np.ones(steps, bool)
        if steps:
            ends[-1] = True
            known[-1] = has_final
        return cls(
            observations=observations[:steps],
            actions=actions,
            next_observations=following,
            terminated=ends if terminated else np.zeros(steps, bool),
            truncated=np.zeros(steps, bool) if terminated else ends,
            next_known=known,
            rewards=rewards,
        )

    @property
    def total_reward(self) -> float | None:
        """The sum of the environment's rewards; None where they were not recorded for every step."""
        if self.rewards is None:
            return None
        total = float(np.sum(self.rewards))
        return None if np.isnan(total) else total

    @property
    def discrete(self) -> bool:
        """Whether actions are integers."""
        return self.actions.dtype.kind != "f"

    def __len__(self) -> int:
        """The number of transitions."""
        return len(self.actions)

    def __repr__(self) -> str:
        """Tell the length, the columns, the end and the return."""
        actions = "discrete actions" if self.discrete else f"{self.actions.shape[1] or 'no'} action columns"
        end = "terminated" if self.terminated[-1] else "truncated" if self.truncated[-1] else "without an end"
        paid = "" if self.total_reward is None else f", return {self.total_reward:,.4g}"
        columns = f"{describe_observations(self.observations.shape[1:])}, {actions}"
        return f"<Trajectory: {len(self):,} steps, {columns}, {end}{paid}>"

    def rows(self, index: slice | NDArray[np.intp]) -> Trajectory:
        """Select the transitions at ``index``, each with its own next observation."""
        picked: dict[str, Any] = {}
        for item in fields(self):
            array = getattr(self, item.name)
            picked[item.name] = None if array is None else array[index]
        return Trajectory(**picked)


def check_alike(source: str, number: int, trajectory: Trajectory, first: Trajectory) -> Trajectory:
    """Return a trajectory after checking that it has the same columns as the first one.

    Raises:
        DemonstrationError: Its observations or actions have other columns.
    """
    own, one = (describe_observations(t.observations.shape[1:]) for t in (trajectory, first))
    if own != one:
        raise DemonstrationError(f"{source}: trajectory {number} has {own}, trajectory 0 has {one}; all must agree")
    if trajectory.actions.shape[1:] != first.actions.shape[1:]:
        raise DemonstrationError(
            f"{source}: trajectory {number} has actions of shape {trajectory.actions.shape[1:]}, "
            f"trajectory 0 of {first.actions.shape[1:]}; all must agree"
        )
    return trajectory


def _check_shapes(trajectory: Trajectory) -> None:
    observations, actions = trajectory.observations, trajectory.actions
    image = observations.ndim == 4 and observations.dtype == np.uint8
    if not image and (observations.ndim != 2 or observations.dtype.kind != "f"):
        raise DemonstrationError(
            f"observations have shape {observations.shape} and dtype {observations.dtype}; expected floating "
            "point of shape (steps, columns), or images of shape (steps, height, width, channels) and dtype uint8"
        )
    discrete = actions.ndim in (1, 2) and actions.dtype.kind in "iu"
    continuous = actions.ndim == 2 and actions.dtype.kind == "f"
    if not (discrete or continuous):
        raise DemonstrationError(
            f"actions have shape {actions.shape} and dtype {actions.dtype}; expected floating point of shape "
            "(steps, columns), or integers of shape (steps,) or (steps, choices) for a discrete action space"
        )
    if len(actions) == 0:
        raise DemonstrationError("a trajectory has no steps; drop it from the demonstrations")
    following = trajectory.next_observations.dtype
    if following != np.uint8 if image else following.kind != "f":
        expected = "uint8 as the observations" if image else "floating point"
        raise DemonstrationError(
            f"next observations have dtype {trajectory.next_observations.dtype}; expected {expected}"
        )
    if trajectory.next_observations.shape != observations.shape:
        raise DemonstrationError(
            f"next observations have shape {trajectory.next_observations.shape}; "
            f"expected {observations.shape} as the observations"
        )
    if 0 in observations.shape[1:] or (discrete and actions.shape[1:] == (0,)):
        raise DemonstrationError("observations or discrete actions have no columns; expected at least one of each")
    for name in ("terminated", "truncated", "next_known"):
        array = getattr(trajectory, name)
        if array.dtype != np.bool_ or array.ndim != 1:
            raise DemonstrationError(f"{name} has shape {array.shape} and dtype {array.dtype}; expected (steps,) bool")
    rewards = trajectory.rewards
    if rewards is not None and (rewards.ndim != 1 or rewards.dtype.kind not in "biuf"):
        raise DemonstrationError(
            f"rewards have shape {rewards.shape} and dtype {rewards.dtype}; expected numbers of shape (steps,)"
        )
    for name in ("actions", "terminated", "truncated", "next_known", "rewards", "steps"):
        array = getattr(trajectory, name)
        if array is not None and len(array) != len(observations):
            raise DemonstrationError(f"{name} has {len(array)} rows; expected {len(observations)}")


def _check_finite(name: str, array: Array | None) -> None:
    if array is None or array.dtype.kind != "f":
        return
    # Learning is done in float32, where a larger value would silently become infinite.
    if array.size and array.max() <= _LARGEST and array.min() >= -_LARGEST:  # false for NaN
        return
    bad = ~np.isfinite(array) | (np.abs(array) > _LARGEST)
    if bad.any():
        step = int(np.flatnonzero(bad.reshape(len(array), -1).any(axis=1))[0])
        raise DemonstrationError(
            f"{name}: {int(bad.sum())} values are NaN, infinite or beyond float32, the first at step {step}; "
            "drop that trajectory or repair the recording"
        )
