"""A set of demonstrated trajectories, and the selections that a user makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rexd.demos.choices import ActionCount, describe, factors_of
from rexd.demos.goals import Goals
from rexd.demos.streamed import MOST_ROWS, Streamed, drawn, joined, lengths_of, mapped, picked
from rexd.demos.trajectory import Array, Trajectory, check_alike, describe_observations
from rexd.demos.transitions import Transitions, stack
from rexd.errors import DemonstrationError


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Trajectories of one expert on one task.

    Attributes:
        trajectories: At least one trajectory. All have the same observation and action columns. They are a tuple, or
            for a file that is larger than memory a ``Streamed``, which reads a trajectory each time it is asked for.
        unused: Rows of the source that a selection left out. They check the calibration of a reward model
            (docs/reward.md), and no model learns from them.
        source: Where the trajectories come from, for messages: a path, a dataset id, "memory".
        offsets: The first kept step of each trajectory after ``subsample``; empty before.
        n_actions: The size of a discrete action space, or a tuple with the sizes of several choices at the same time
            (``MultiDiscrete``, ``MultiBinary``); None for a continuous one.
        notes: What was done to the data, one sentence each, for the user.
        env_id: The Gymnasium id that the file names, if any.
        action_bounds: The environment's lowest and highest actions, each (A,); None until they are known.
        column_names: The name of each observation column, such as ``desired_goal[1]``, where observations were recorded
            in several named parts; else empty.
        goals: Which columns know the goal, where that is told; their names may tell it too
            (``rexd.demos.other_goals.goals_of``).
    """

    trajectories: Sequence[Trajectory]
    unused: Sequence[Trajectory] = ()
    source: str = "memory"
    offsets: tuple[int, ...] = ()
    n_actions: ActionCount | None = None
    notes: tuple[str, ...] = ()
    env_id: str | None = None
    action_bounds: tuple[Array, Array] | None = None
    column_names: tuple[str, ...] = ()
    goals: Goals | None = None

    def __post_init__(self) -> None:
        """Check that the trajectories agree with one another."""
        if not len(self.trajectories):
            raise DemonstrationError(f"{self.source}: no trajectories; expected at least one")
        if isinstance(self.n_actions, np.integer):  # as Gymnasium's spaces have it
            object.__setattr__(self, "n_actions", int(self.n_actions))
        first = self.trajectories[0]
        if self.column_names and len(self.column_names) != self.obs_dim:
            raise DemonstrationError(
                f"{self.source}: {len(self.column_names)} column_names for {self.obs_dim} columns; expected as many"
            )
        if self.goals is not None:
            self.goals.check(self.obs_dim, self.source)
        for number, trajectory in enumerate(self._in_memory()):
            check_alike(self.source, number, trajectory, first)
        if first.discrete:
            self._check_discrete()
        elif self.n_actions is not None:
            raise DemonstrationError(
                f"{self.source}: n_actions is {self.n_actions}, but actions are continuous of shape "
                f"{first.actions.shape}; expected None, or integers of shape (steps,)"
            )

    def _in_memory(self) -> Iterator[Trajectory]:
        """Yield the trajectories in memory; streamed ones are checked when they are read."""
        return chain.from_iterable(part for part in (self.trajectories, self.unused) if not isinstance(part, Streamed))

    def _check_discrete(self) -> None:
        if self.streamed and self.n_actions is not None:
            return
        several = self.trajectories[0].actions.ndim > 1
        rows = [(t.actions.min(axis=0), t.actions.max(axis=0)) for t in chain(self.trajectories, self.unused)]
        low, high = np.min([low for low, _ in rows], axis=0), np.max([high for _, high in rows], axis=0)
        seen: ActionCount = tuple((high + 1).tolist()) if several else int(high) + 1
        count = seen if self.n_actions is None else self.n_actions
        if isinstance(count, int) is several or len(factors_of(count)) != np.size(high):
            raise DemonstrationError(
                f"{self.source}: n_actions is {count}, but actions have shape {self.trajectories[0].actions.shape}; "
                "expected an integer for actions of shape (steps,), or the sizes of all columns"
            )
        if np.any(low < 0) or np.any(high >= np.array(factors_of(count))):
            raise DemonstrationError(
                f"{self.source}: discrete actions run from {np.min(low)} to {np.max(high)}; expected 0 to "
                f"{max(factors_of(count)) - 1}" + (f", for choices among {list(factors_of(count))}" if several else "")
            )
        object.__setattr__(self, "n_actions", count)

    def __len__(self) -> int:
        """Number of trajectories."""
        return len(self.trajectories)

    def __iter__(self) -> Iterator[Trajectory]:
        """Iterate over the trajectories in order."""
        return iter(self.trajectories)

    def __repr__(self) -> str:
        """Tell counts, lengths, columns and the source; a file that is larger than memory is not read for that."""
        low, high = self.lengths.min(), self.lengths.max()
        count = "1 trajectory" if len(self) == 1 else f"{len(self):,} trajectories"
        steps = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        actions = f"{self.act_dim or 'no'} action columns"
        if self.n_actions is not None:
            actions = describe(self.n_actions)
        returns = None if self.streamed else self.returns
        paid = "" if returns is None else f", returns {min(returns):,.4g} to {max(returns):,.4g}"
        task = "" if self.env_id is None else f", of {self.env_id}"
        return (
            f"<Demonstrations: {self.n_transitions:,} transitions in {count} of {steps} steps\n"
            f" {describe_observations(self.trajectories[0].observations.shape[1:])}, {actions}{paid}\n"
            f" from {self.source}{task}>"
        )

    @property
    def streamed(self) -> bool:
        """Whether the trajectories are larger than memory, so that they are read from the file each time."""
        return isinstance(self.trajectories, Streamed)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """The number of rows of each trajectory. Nothing is read to find it."""
        return lengths_of(self.trajectories)

    @property
    def longest(self) -> int:
        """The number of steps of the longest episode, rows that are left out or not used included where known."""
        known = [int(t.steps[-1]) + 1 for t in self._in_memory()]
        return max([int(self.lengths.max()), *known])

    @property
    def n_transitions(self) -> int:
        """The number of transitions of all trajectories together."""
        return int(self.lengths.sum())

    @property
    def obs_dim(self) -> int:
        """The number of observation columns; none where observations are images."""
        return 0 if self.image else int(self.trajectories[0].observations.shape[1])

    @property
    def image(self) -> tuple[int, ...]:
        """The shape (height, width, channels) of observations that are images; else empty."""
        shape = self.trajectories[0].observations.shape[1:]
        return shape if len(shape) == 3 else ()

    @property
    def has_actions(self) -> bool:
        """Whether actions were recorded; without them, action arrays have the shape (T, 0)."""
        return self.act_dim > 0

    @property
    def act_dim(self) -> int:
        """The number of action columns, 0 for states alone; the size of a discrete space, as networks take one-hot."""
        if self.n_actions is not None:
            return sum(factors_of(self.n_actions))
        return int(self.trajectories[0].actions.shape[1])

    @property
    def returns(self) -> tuple[float, ...] | None:
        """The environment's return of each trajectory, or None where the file does not record all rewards."""
        found = []
        for t in self.trajectories:
            if t.total_reward is None:
                return None
            found.append(t.total_reward)
        return tuple(found)

    @cached_property
    def sha256(self) -> str:
        """The hash of all that can be learnt from, which a reward file records as its provenance."""
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
        """Return all rows of all trajectories, float32 and contiguous."""
        return stack(self.trajectories)

    def unused_transitions(self) -> Transitions | None:
        """Return the rows that a selection left out, or None if there are none."""
        return stack(self.unused) if len(self.unused) else None

    def first(self, n: int) -> Demonstrations:
        """Keep the first ``n`` trajectories; the others become ``unused``.

        Raises:
            DemonstrationError: There are fewer than ``n`` trajectories, or ``n`` is not positive.
        """
        if not 1 <= n <= len(self):
            raise DemonstrationError(f"{self.source}: asked for {n} trajectories, but the file has {len(self)}")
        return replace(
            self,
            trajectories=self.trajectories[:n],
            unused=joined(self.unused, self.trajectories[n:]),
            offsets=self.offsets[:n],
        )

    def split(self, n: int) -> tuple[Demonstrations, Demonstrations]:
        """Split the trajectories into the first ``n`` and the rest."""
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

        Trajectories of one expert are often phase-locked: in the RED paper's file all Hopper trajectories start with
        the same phase of the gait. With one offset for all of them, folds over trajectories would hold the same
        phases. By default each trajectory therefore starts at its own random offset, as in GAIL's original code.

        Args:
            k: The interval: one of ``k`` transitions is kept.
            offset: ``"random"`` draws one offset below ``k`` for each trajectory from ``seed``. An integer is used for
                all trajectories, and a sequence has one offset for each.
            seed: The seed of the random offsets.

        Raises:
            DemonstrationError: ``k`` or an offset is out of range, or a trajectory would be left empty.
        """
        if k < 1:
            raise DemonstrationError(f"cannot keep every {k}-th transition; expected 1 or more")
        offsets = self._offsets(k, offset, seed)
        for number, (length, start) in enumerate(zip(self.lengths, offsets, strict=True)):
            if start >= length:
                raise DemonstrationError(
                    f"{self.source}: trajectory {number} has {length} steps; keeping every {k}-th from "
                    f"step {start} leaves none. Use a smaller subsample or offset=0"
                )

        def every(number: int, t: Trajectory) -> Trajectory:
            return t.rows(np.arange(offsets[number], len(t), k))

        def others(number: int, t: Trajectory) -> Trajectory:
            return t.rows(np.delete(np.arange(len(t)), slice(offsets[number], None, k)))

        kept = -(-(self.lengths - np.array(offsets)) // k)
        some = np.flatnonzero(kept < self.lengths)
        rest = (
            picked(mapped(self.trajectories, others, self.lengths - kept), some)
            if self.streamed
            else tuple(others(int(number), self.trajectories[int(number)]) for number in some)
        )
        return replace(
            self,
            trajectories=mapped(self.trajectories, every, kept),
            unused=joined(self.unused, rest),
            offsets=tuple(int(o) for o in offsets),
        )

    def select(self, numbers: Sequence[int] | NDArray[np.intp]) -> Demonstrations:
        """Keep the trajectories that have these numbers; the others do not become ``unused``.

        Raises:
            DemonstrationError: A number is out of range, or there is no number.
        """
        index = np.asarray(numbers, np.intp)
        if not index.size or index.min() < 0 or index.max() >= len(self):
            raise DemonstrationError(
                f"{self.source}: there are no trajectories {index.tolist()[:10]}; expected numbers from 0 to "
                f"{len(self) - 1}, and one at least"
            )
        offsets = tuple(self.offsets[int(n)] for n in index) if self.offsets else ()
        return replace(self, trajectories=picked(self.trajectories, index), offsets=offsets)

    def draw(self, most: int, seed: int = 0) -> Demonstrations:
        """Draw at most ``most`` rows, and at most ``most`` unused rows, uniformly and into memory.

        The rows of a trajectory stay in order, each with its own next observation. Trajectories without a drawn row
        are left out. Rows that were not drawn do not become ``unused``.

        Args:
            most: The largest number of rows to keep. Where there are not more, all are kept.
            seed: The seed of the draw.
        """
        rng = np.random.default_rng(seed)
        kept, unused = (drawn(part, most, rng) for part in (self.trajectories, self.unused))
        found = sum(len(t) for t in kept)
        notes = self.notes
        if found < self.n_transitions:
            notes = (*notes, f"used {found:,} of {self.n_transitions:,} transitions, drawn uniformly (seed {seed})")
        return replace(self, trajectories=kept, unused=unused, offsets=(), notes=notes)

    def held(self, seed: int = 0) -> Demonstrations:
        """Return demonstrations in memory: these ones, or 50,000 transitions by ``draw`` where they are streamed."""
        return self.draw(MOST_ROWS, seed) if self.streamed else self

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
        """Keep these observation columns; for Ant-v2 files ``slice(0, 27)`` gives the observation of Ant-v4.

        Raises:
            DemonstrationError: A column does not exist, or none is left.
        """
        index = np.arange(self.obs_dim)[columns] if isinstance(columns, slice) else np.asarray(columns, dtype=np.intp)
        # Python shortens a slice that is too long, but here it shows that the file is not the expected one.
        beyond = isinstance(columns, slice) and columns.stop is not None and columns.stop > self.obs_dim
        if beyond or index.size == 0 or index.min() < 0 or index.max() >= self.obs_dim:
            raise DemonstrationError(
                f"{self.source}: columns {columns} do not fit observations of {self.obs_dim} columns; "
                f"expected numbers from 0 to {self.obs_dim - 1}"
            )

        def pick(t: Trajectory) -> Trajectory:
            return replace(t, observations=t.observations[:, index], next_observations=t.next_observations[:, index])

        names = tuple(self.column_names[column] for column in index) if self.column_names else ()
        unnamed = replace(self, column_names=(), goals=None)
        kept = unnamed._map(pick, f"kept {index.size} of {self.obs_dim} observation columns")
        return replace(kept, column_names=names)

    def named(self, columns: Iterable[int], most: int = 8) -> str:
        """Return the names of observation columns in brackets, for messages; nothing where columns have no names."""
        found = [self.column_names[column] for column in columns] if self.column_names else []
        return f" ({', '.join(found[:most])}{', ...' if len(found) > most else ''})" if found else ""

    def clip_actions(self, low: Array, high: Array) -> Demonstrations:
        """Clip continuous actions to the environment's bounds, and note how many entries were outside.

        A policy that is bounded by the action space cannot reach a support that lies outside of it.
        """
        if self.n_actions is not None or not self.has_actions:
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
        outside = sum(int(((t.actions < low) | (t.actions > high)).sum()) for t in self.trajectories)
        entries = self.n_transitions * self.act_dim
        note = f"clipped {outside} of {entries} action entries ({outside / entries:.1%}) to the action space"

        def clip(t: Trajectory) -> Trajectory:
            return replace(t, actions=np.clip(t.actions, low, high).astype(t.actions.dtype))

        bounds = (np.asarray(low, np.float32), np.asarray(high, np.float32))
        return replace(self._map(clip, note if outside else None), action_bounds=bounds)

    def _map(self, change: Callable[[Trajectory], Trajectory], note: str | None) -> Demonstrations:
        trajectories, unused = (mapped(part, lambda _, t: change(t)) for part in (self.trajectories, self.unused))
        return replace(
            self,
            trajectories=trajectories,
            unused=unused,
            notes=self.notes if note is None else (*self.notes, note),
        )
