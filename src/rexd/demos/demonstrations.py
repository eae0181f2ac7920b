"""A set of demonstrated trajectories, and the selections that a user makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array, BoolArray, Trajectory
from rexd.errors import DemonstrationError

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Transitions:
    """Rows of all trajectories, ready for learning: float32 and contiguous.

    Attributes:
        obs: (N, D) float32.
        act: (N, A) float32, or (N,) int64 for discrete actions.
        next_obs: (N, D) float32.
        terminated: (N,) bool.
        truncated: (N,) bool.
        next_known: (N,) bool, whether ``next_obs`` was recorded.
        trajectory: (N,) int64, the number of the trajectory that each row comes from.
        step: (N,) int64, steps of the episode before each row.
    """

    obs: Float32
    act: Array
    next_obs: Float32
    terminated: BoolArray
    truncated: BoolArray
    next_known: BoolArray
    trajectory: NDArray[np.int64]
    step: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.obs)


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Trajectories of one expert on one task.

    Attributes:
        trajectories: At least one; equal observation and action columns in all.
        unused: Rows of the source that a selection left out. They check the calibration of a reward model
            (docs/reward.md) and are never learnt from.
        source: Where they come from, for messages: a path, a dataset id, "memory".
        offsets: First kept step of each trajectory after ``subsample``; empty before.
        n_actions: Size of a discrete action space, None for a continuous one.
        notes: What was done to the data, one sentence each, for the user.
        env_id: The Gymnasium id that the file names, if any.
        action_bounds: Lowest and highest actions of the environment, once they are known, each (A,).
    """

    trajectories: tuple[Trajectory, ...]
    unused: tuple[Trajectory, ...] = ()
    source: str = "memory"
    offsets: tuple[int, ...] = ()
    n_actions: int | None = None
    notes: tuple[str, ...] = ()
    env_id: str | None = None
    action_bounds: tuple[Array, Array] | None = None

    def __post_init__(self) -> None:
        """Check that the trajectories agree with one another."""
        if not self.trajectories:
            raise DemonstrationError(f"{self.source}: no trajectories; expected at least one")
        first = self.trajectories[0]
        for number, trajectory in enumerate((*self.trajectories, *self.unused)):
            if trajectory.observations.shape[1] != first.observations.shape[1]:
                raise DemonstrationError(
                    f"{self.source}: trajectory {number} has {trajectory.observations.shape[1]} observation "
                    f"columns, trajectory 0 has {first.observations.shape[1]}; all must agree"
                )
            if trajectory.actions.shape[1:] != first.actions.shape[1:]:
                raise DemonstrationError(
                    f"{self.source}: trajectory {number} has actions of shape {trajectory.actions.shape[1:]}, "
                    f"trajectory 0 of {first.actions.shape[1:]}; all must agree"
                )
        if first.actions.ndim == 1:
            self._check_discrete()
        elif self.n_actions is not None:
            raise DemonstrationError(
                f"{self.source}: n_actions is {self.n_actions}, but actions are continuous of shape "
                f"{first.actions.shape}; expected None, or integers of shape (steps,)"
            )

    def _check_discrete(self) -> None:
        rows = (*self.trajectories, *self.unused)
        low = min(int(t.actions.min()) for t in rows)
        high = max(int(t.actions.max()) for t in rows)
        count = self.n_actions if self.n_actions is not None else high + 1
        if low < 0 or high >= count:
            raise DemonstrationError(
                f"{self.source}: discrete actions run from {low} to {high}; expected 0 to {count - 1}"
            )
        object.__setattr__(self, "n_actions", count)

    def __len__(self) -> int:
        """Number of trajectories."""
        return len(self.trajectories)

    def __iter__(self) -> Iterator[Trajectory]:
        """The trajectories in order."""
        return iter(self.trajectories)

    @property
    def n_transitions(self) -> int:
        """Number of transitions over all trajectories."""
        return sum(len(t) for t in self.trajectories)

    @property
    def obs_dim(self) -> int:
        """Observation columns."""
        return int(self.trajectories[0].observations.shape[1])

    @property
    def act_dim(self) -> int:
        """Action columns; for a discrete action space its size, as actions enter a network one-hot."""
        if self.n_actions is not None:
            return self.n_actions
        return int(self.trajectories[0].actions.shape[1])

    @property
    def returns(self) -> tuple[float, ...] | None:
        """The environment's return of each trajectory, where the file records rewards."""
        if any(t.rewards is None for t in self.trajectories):
            return None
        return tuple(float(np.sum(t.rewards)) for t in self.trajectories if t.rewards is not None)

    @cached_property
    def sha256(self) -> str:
        """Hash of the learnable content: what a reward file records as its provenance."""
        digest = hashlib.sha256()
        for t in self.trajectories:
            for array in (
                t.observations,
                t.actions,
                t.next_observations,
                t.terminated,
                t.truncated,
                t.next_known,
            ):
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(array.tobytes())
        return digest.hexdigest()

    def transitions(self) -> Transitions:
        """All rows of all trajectories, float32 and contiguous."""
        return _stack(self.trajectories)

    def unused_transitions(self) -> Transitions | None:
        """The rows that a selection left out, or None where all are used."""
        return _stack(self.unused) if self.unused else None

    def first(self, n: int) -> Demonstrations:
        """The first ``n`` trajectories; the others become ``unused``.

        Raises:
            DemonstrationError: There are fewer than ``n`` trajectories, or ``n`` is not positive.
        """
        if not 1 <= n <= len(self):
            raise DemonstrationError(f"{self.source}: asked for {n} trajectories, but the file has {len(self)}")
        return replace(
            self,
            trajectories=self.trajectories[:n],
            unused=self.unused + self.trajectories[n:],
            offsets=self.offsets[:n],
        )

    def split(self, n: int) -> tuple[Demonstrations, Demonstrations]:
        """Split by trajectory: the first ``n`` and the rest."""
        if not 1 <= n < len(self):
            raise DemonstrationError(
                f"{self.source}: cannot split {len(self)} trajectories into {n} and the rest; "
                f"expected 1 to {len(self) - 1}"
            )
        head, tail = self.trajectories[:n], self.trajectories[n:]
        return (
            replace(self, trajectories=head, offsets=self.offsets[:n]),
            replace(self, trajectories=tail, offsets=self.offsets[n:]),
        )

    def subsample(
        self, k: int, *, offset: int | Sequence[int] | Literal["random"] = "random", seed: int = 0
    ) -> Demonstrations:
        """Keep every ``k``-th transition of each trajectory, each with its own next observation.

        Trajectories of one expert are often phase-locked (every Hopper run of the RED paper's file starts its
        gait alike), so that one offset for all makes folds over trajectories see the same phases. By default
        each trajectory starts at its own random offset, as GAIL's original code does.

        Args:
            k: Keep one transition in ``k``.
            offset: ``"random"`` draws one offset below ``k`` for each trajectory from ``seed``; one integer
                serves all; a sequence gives one for each.
            seed: Seed of the random offsets.

        Raises:
            DemonstrationError: ``k`` or an offset is out of range, or a trajectory would be left empty.
        """
        if k < 1:
            raise DemonstrationError(f"cannot keep every {k}-th transition; expected 1 or more")
        offsets = self._offsets(k, offset, seed)
        kept, rest = [], []
        for number, (trajectory, start) in enumerate(zip(self.trajectories, offsets, strict=True)):
            if start >= len(trajectory):
                raise DemonstrationError(
                    f"{self.source}: trajectory {number} has {len(trajectory)} steps; keeping every {k}-th from "
                    f"step {start} leaves none. Use a smaller subsample or offset=0"
                )
            chosen = np.zeros(len(trajectory), bool)
            chosen[start::k] = True
            kept.append(trajectory.rows(np.flatnonzero(chosen)))
            if not chosen.all():
                rest.append(trajectory.rows(np.flatnonzero(~chosen)))
        return replace(
            self,
            trajectories=tuple(kept),
            unused=self.unused + tuple(rest),
            offsets=tuple(int(o) for o in offsets),
        )

    def _offsets(self, k: int, offset: int | Sequence[int] | str, seed: int) -> list[int]:
        if offset == "random":
            return [int(o) for o in np.random.default_rng(seed).integers(0, k, size=len(self))]
        if isinstance(offset, str):
            raise DemonstrationError(f"offset is {offset!r}; expected 'random', an integer or one per trajectory")
        if isinstance(offset, int | np.integer):
            offset = [int(offset)] * len(self)
        offsets = [int(o) for o in offset]
        if len(offsets) != len(self) or not all(0 <= o < k for o in offsets):
            raise DemonstrationError(
                f"offsets {offsets} do not fit {len(self)} trajectories at every {k}-th transition; "
                f"expected one from 0 to {k - 1} for each"
            )
        return offsets

    def select_columns(self, columns: Sequence[int] | slice) -> Demonstrations:
        """Keep these observation columns (Ant-v2 files: ``slice(0, 27)`` gives Ant-v4's observation).

        Raises:
            DemonstrationError: A column does not exist, or none is left.
        """
        index = np.arange(self.obs_dim)[columns] if isinstance(columns, slice) else np.asarray(columns, dtype=np.intp)
        # Python shortens a slice that is too long; here it means that the file is not the expected one.
        beyond = isinstance(columns, slice) and columns.stop is not None and columns.stop > self.obs_dim
        if beyond or index.size == 0 or index.min() < 0 or index.max() >= self.obs_dim:
            raise DemonstrationError(
                f"{self.source}: columns {columns} do not fit observations of {self.obs_dim} columns; "
                f"expected numbers from 0 to {self.obs_dim - 1}"
            )

        def pick(t: Trajectory) -> Trajectory:
            return replace(t, observations=t.observations[:, index], next_observations=t.next_observations[:, index])

        return self._map(pick, f"kept {index.size} of {self.obs_dim} observation columns")

    def clip_actions(self, low: Array, high: Array) -> Demonstrations:
        """Clip continuous actions to the bounds that the environment enforces, and note how many were outside.

        A policy bounded by the action space can never reach a support that lies beyond it.
        """
        if self.n_actions is not None:
            return self
        low, high = np.asarray(low), np.asarray(high)
        for bound in (low, high):
            if bound.shape not in ((), (1,), (self.act_dim,)) or np.isnan(bound).any():
                raise DemonstrationError(
                    f"{self.source}: action bounds {low} and {high} do not fit actions of {self.act_dim} columns; "
                    f"expected numbers, or {self.act_dim} of them"
                )
        if (low > high).any():
            raise DemonstrationError(f"{self.source}: the lowest action {low} is above the highest {high}; swap them")
        actions = np.concatenate([t.actions for t in self.trajectories])
        outside = int(((actions < low) | (actions > high)).sum())
        note = f"clipped {outside} of {actions.size} action entries ({outside / actions.size:.1%}) to the action space"

        def clip(t: Trajectory) -> Trajectory:
            return replace(t, actions=np.clip(t.actions, low, high).astype(t.actions.dtype))

        bounds = (np.asarray(low, np.float32), np.asarray(high, np.float32))
        return replace(self._map(clip, note if outside else None), action_bounds=bounds)

    def _map(self, change: Callable[[Trajectory], Trajectory], note: str | None) -> Demonstrations:
        return replace(
            self,
            trajectories=tuple(change(t) for t in self.trajectories),
            unused=tuple(change(t) for t in self.unused),
            notes=self.notes if note is None else (*self.notes, note),
        )


def _stack(trajectories: Sequence[Trajectory]) -> Transitions:
    def column(name: str, dtype: type) -> Array:
        return np.ascontiguousarray(np.concatenate([getattr(t, name) for t in trajectories]).astype(dtype))

    discrete = trajectories[0].actions.ndim == 1
    return Transitions(
        obs=column("observations", np.float32),
        act=column("actions", np.int64 if discrete else np.float32),
        next_obs=column("next_observations", np.float32),
        terminated=column("terminated", np.bool_),
        truncated=column("truncated", np.bool_),
        next_known=column("next_known", np.bool_),
        trajectory=np.repeat(np.arange(len(trajectories)), [len(t) for t in trajectories]),
        step=column("steps", np.int64),
    )
