"""Mends of values, columns, flags and single rows: pure functions that note what they did.

Each changes what its name says and nothing else: every other array keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import mapped
from rexd.demos.trajectory import Array, Trajectory
from rexd.errors import DemonstrationError
from rexd.inspection.data.looks.still_ends import moving_rows


def scale_actions(demos: Demonstrations, factor: ArrayLike) -> Demonstrations:
    """Multiply continuous actions, all by one factor or each column by its own factor.

    Raises:
        DemonstrationError: Actions are discrete, or the factors do not fit them.
    """
    _check_continuous(demos, "scaled")
    factors = np.asarray(factor, np.float64)
    if factors.shape not in ((), (1,), (demos.act_dim,)):
        raise DemonstrationError(
            f"{demos.source}: {factors.size} factors do not fit {demos.act_dim} action columns; expected one for all, "
            "or one for each column"
        )
    if not np.isfinite(factors).all() or not factors.all():
        raise DemonstrationError(
            f"{demos.source}: cannot scale actions by {_numbers(factors)}; expected finite factors other than 0"
        )
    return _with_actions(demos, lambda a: a * factors, f"multiplied actions by {_numbers(factors)}")


def scale_actions_to(demos: Demonstrations, low: ArrayLike, high: ArrayLike) -> Demonstrations:
    """Scale actions from the range -1 to 1, which wrappers and squashed policies use, to the environment's bounds.

    Raises:
        DemonstrationError: Actions are discrete, or the bounds are infinite or do not fit them.
    """
    _check_continuous(demos, "scaled")
    lowest, highest = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if lowest.shape not in ((), (1,), (demos.act_dim,)) or highest.shape != lowest.shape:
        raise DemonstrationError(
            f"{demos.source}: {lowest.size} bounds do not fit {demos.act_dim} action columns; use the environment that "
            "they were recorded in"
        )
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all() and (lowest < highest).all()):
        raise DemonstrationError(
            f"{demos.source}: actions cannot be scaled to the bounds {_numbers(lowest)} to {_numbers(highest)}; give "
            "the factor (--scale-actions F)"
        )
    middle, half = (highest + lowest) / 2, (highest - lowest) / 2
    note = f"scaled actions from -1 to 1 to the bounds {_numbers(lowest)} to {_numbers(highest)}"
    return _with_actions(demos, lambda a: middle + half * a, note)


def clip_actions(demos: Demonstrations, low: ArrayLike, high: ArrayLike) -> Demonstrations:
    """Clip continuous actions to bounds; a note tells so even if no action lies beyond them.

    Raises:
        DemonstrationError: Actions are discrete, or the bounds do not fit them.
    """
    _check_continuous(demos, "clipped")
    clipped = demos.clip_actions(np.asarray(low), np.asarray(high))
    return clipped if len(clipped.notes) > len(demos.notes) else _noted(clipped, "no action lies beyond the bounds")


def drop_columns(demos: Demonstrations, columns: Sequence[int] | slice) -> Demonstrations:
    """Leave some observation columns out.

    Raises:
        DemonstrationError: A column does not exist, or none is left.
    """
    dropped = np.arange(demos.obs_dim)[columns] if isinstance(columns, slice) else np.asarray(columns, dtype=np.intp)
    beyond = isinstance(columns, slice) and columns.stop is not None and columns.stop > demos.obs_dim
    if beyond or not dropped.size or dropped.min() < 0 or dropped.max() >= demos.obs_dim:
        raise DemonstrationError(
            f"{demos.source}: columns {columns} do not fit observations of {demos.obs_dim} columns; expected numbers "
            f"from 0 to {demos.obs_dim - 1}"
        )
    kept = np.setdiff1d(np.arange(demos.obs_dim), dropped)
    if not kept.size:
        raise DemonstrationError(
            f"{demos.source}: all {demos.obs_dim} observation columns would be dropped; keep at least one"
        )
    note = f"dropped {demos.obs_dim - kept.size} of {demos.obs_dim} observation columns"
    return _noted(replace(demos.select_columns(kept.tolist()), notes=demos.notes), note)


def time_limit_is_truncation(demos: Demonstrations, limit: int) -> Demonstrations:
    """Mark episodes as truncated that are marked as terminated after exactly ``limit`` steps.

    Raises:
        DemonstrationError: The limit is not positive.
    """
    if limit < 1:
        raise DemonstrationError(f"{demos.source}: a time limit of {limit} steps ends nothing; expected 1 or more")

    def at_limit(t: Trajectory) -> bool:
        return bool(t.terminated[-1]) and int(t.steps[-1]) + 1 == limit

    def mend(t: Trajectory) -> Trajectory:
        if not at_limit(t):
            return t
        terminated, truncated = t.terminated.copy(), t.truncated.copy()
        terminated[-1], truncated[-1] = False, True
        return replace(t, terminated=terminated, truncated=truncated)

    count = sum(map(at_limit, demos))
    return _map(
        demos,
        mend,
        f"{count} of {len(demos)} trajectories, marked as terminated at the time limit of {limit} steps, count as "
        "truncated",
    )


def drop_last_next_observation(demos: Demonstrations) -> Demonstrations:
    """Mark the last next observation of each trajectory as not known, such as one that was seen after a reset."""

    def mend(t: Trajectory) -> Trajectory:
        known, following = t.next_known.copy(), t.next_observations.copy()
        known[-1] = False
        following[-1] = t.observations[-1]
        return replace(t, next_known=known, next_observations=following)

    count = sum(bool(t.next_known[-1]) for t in demos)
    return _map(demos, mend, f"dropped the last next observation of {count} of {len(demos)} trajectories")


def keep_first(demos: Demonstrations, count: int) -> Demonstrations:
    """Keep the first ``count`` trajectories, and nothing of the others.

    Raises:
        DemonstrationError: There are fewer trajectories.
    """
    kept = replace(demos.first(count), unused=demos.unused)
    return _noted(kept, f"kept the first {count} of {len(demos)} trajectories")


def thin(demos: Demonstrations, k: int, seed: int = 0) -> Demonstrations:
    """Keep every ``k``-th transition of each trajectory, from a random offset, and nothing of the others.

    Raises:
        DemonstrationError: ``k`` is not positive, or a trajectory would be left empty.
    """
    kept = replace(demos.subsample(k, seed=seed), unused=demos.unused)
    counts = f"{kept.n_transitions} of {demos.n_transitions}"
    return _noted(kept, f"kept every {k}-th transition, {counts}, from random offsets (seed {seed})")


def leave_out(demos: Demonstrations, numbers: Sequence[int] | slice) -> Demonstrations:
    """Leave some trajectories out, such as copies or failed attempts.

    Raises:
        DemonstrationError: There is no such trajectory, or none would be left.
    """
    index = np.arange(len(demos))
    beyond = isinstance(numbers, slice) and numbers.stop is not None and numbers.stop > len(demos)
    dropped = index[numbers] if isinstance(numbers, slice) else np.asarray(numbers, dtype=np.intp)
    if beyond or not dropped.size or dropped.min() < 0 or dropped.max() >= len(demos):
        raise DemonstrationError(
            f"{demos.source}: trajectories {numbers} cannot be left out of {len(demos)}; expected numbers from 0 to "
            f"{len(demos) - 1}"
        )
    kept = np.setdiff1d(index, dropped)
    if not kept.size:
        raise DemonstrationError(f"{demos.source}: all {len(demos)} trajectories would be left out; keep at least one")
    return _noted(demos.select(kept), f"left out {len(demos) - kept.size} of {len(demos)} trajectories")


def drop_first_rows(demos: Demonstrations, count: int) -> Demonstrations:
    """Leave the first rows of each trajectory out, such as a row whose observation is older than the reset.

    The other rows keep their step numbers, so that they are as late in the episode as before.

    Raises:
        DemonstrationError: ``count`` is not positive, or leaves no row of a trajectory.
    """
    if count < 1 or (demos.lengths <= count).any():
        short = f" of trajectory {int(demos.lengths.argmin())}, which has {demos.lengths.min()}" if count >= 1 else ""
        raise DemonstrationError(
            f"{demos.source}: cannot leave the first {count} rows{short} out; expected at least one, and fewer than "
            "the shortest trajectory has"
        )

    def drop(_: int, t: Trajectory) -> Trajectory:
        return t.rows(slice(count, None))

    kept = replace(demos, trajectories=mapped(demos.trajectories, drop, demos.lengths - count))
    return _noted(kept, f"left out the first {'row' if count == 1 else f'{count} rows'} of each trajectory")


def trim(demos: Demonstrations) -> Demonstrations:
    """Cut the rows at the starts and the ends of trajectories in which nothing changes: padding, and waiting.

    One still row is kept at each end, but none of zeros. It ends the trajectory as the rows behind it did; after
    padding its next observation counts as not known. The other rows keep their step numbers.
    """
    kept = [moving_rows(t) for t in demos]
    lengths = np.array([found.stop - found.start for found in kept], np.int64)

    def cut(number: int, t: Trajectory) -> Trajectory:
        found = kept[number]
        short = t.rows(slice(found.start, found.stop))
        if found.stop == len(t):
            return short
        terminated, truncated, known = short.terminated.copy(), short.truncated.copy(), short.next_known.copy()
        following = short.next_observations.copy()
        terminated[-1], truncated[-1] = t.terminated[found.stop - 1 :].any(), t.truncated[found.stop - 1 :].any()
        if found.padded:
            known[-1], following[-1] = False, short.observations[-1]
        return replace(short, terminated=terminated, truncated=truncated, next_known=known, next_observations=following)

    count = demos.n_transitions - int(lengths.sum())
    trimmed = replace(demos, trajectories=mapped(demos.trajectories, cut, lengths))
    return _noted(trimmed, f"left out {count:,} rows at the starts and ends of trajectories, in which nothing changes")


def _with_actions(demos: Demonstrations, change: Callable[[Array], Array], note: str) -> Demonstrations:
    """Change all actions; computed in double precision, and kept in the recorded dtype."""

    def mend(t: Trajectory) -> Trajectory:
        with np.errstate(over="ignore"):  # Trajectory refuses infinity and names the step
            return replace(t, actions=change(t.actions.astype(np.float64)).astype(t.actions.dtype))

    return _map(demos, mend, note)


def _check_continuous(demos: Demonstrations, what: str) -> None:
    if demos.n_actions is not None:
        raise DemonstrationError(
            f"{demos.source}: the actions are discrete ({demos.n_actions} of them) and cannot be {what}; leave that out"
        )


def _map(demos: Demonstrations, change: Callable[[Trajectory], Trajectory], note: str) -> Demonstrations:
    def named(number: int, t: Trajectory) -> Trajectory:
        try:
            return change(t)
        except DemonstrationError as error:
            raise DemonstrationError(f"{demos.source}: trajectory {number}: {error}") from error

    trajectories, unused = mapped(demos.trajectories, named), mapped(demos.unused, named)
    return _noted(replace(demos, trajectories=trajectories, unused=unused), note)


def _noted(demos: Demonstrations, note: str) -> Demonstrations:
    return replace(demos, notes=(*demos.notes, note))


def _numbers(values: Array) -> str:
    """Return the numbers as text; one number if all are the same."""
    flat = np.atleast_1d(values)
    if (flat == flat[0]).all():
        flat = flat[:1]
    return ", ".join(f"{value:.6g}" for value in flat)
