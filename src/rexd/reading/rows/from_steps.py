"""Rows that are stored end to end, cut into trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array, BoolArray, Trajectory
from rexd.errors import DemonstrationError
from rexd.reading.rows.episode_ends import Ends, find_ends, follows, gaps_of
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.normalise import as_actions, as_flags, as_observations, as_rewards


def from_steps(
    source_name: str,
    observations: Any,
    actions: Any,
    *,
    next_observations: Any = None,
    terminated: Any = None,
    truncated: Any = None,
    dones: Any = None,
    starts: Any = None,
    rewards: Any = None,
    next_known: Any = None,
    hints: Hints,
    notes: Sequence[str] = (),
) -> Demonstrations:
    """Demonstrations from rows that are stored end to end.

    Shapes and dtypes are normalised: (N, 1, A) and (N, 1), small integers, truth values, whole numbers for an
    environment with discrete actions, lists and arrays of objects that hold equal rows. Where trajectories end is
    taken from ``starts``, from the flags, from next observations that are not the row that follows, and where
    nothing of that is recorded from ``hints.episode_length`` or the observations themselves.

    Args:
        source_name: The file's name, for messages.
        observations: (N, D), the observation before each step.
        actions: (N, A), or (N,) for discrete actions.
        next_observations: (N, D), the observation after each step. None takes the next row of the trajectory; the
            last one of each is then not known.
        terminated: (N,) whether a terminal state was reached; for files that tell it from a time limit.
        truncated: (N,) whether a time limit or the recording ended the episode.
        dones: (N,) whether the episode ended, for files that do not say by what. Ends at the environment's time
            limit count as truncated.
        starts: Where trajectories begin: the first row of each, ascending, or (N,) bool that is true there.
        rewards: (N,), the environment's.
        next_known: (N,) whether each next observation is one; None for all of them.
        hints: What the user and the environment know.
        notes: What the format did to the data before, for the user.

    Raises:
        DemonstrationError: The arrays do not fit each other, a value is not finite, the boundaries are not clear,
            or the recorded ones contradict ``hints.episode_length``.
    """
    obs = as_observations(source_name, observations)
    rows = len(obs)
    acts = as_actions(source_name, actions, rows, hints)
    following = None if next_observations is None else next_rows(source_name, next_observations, obs)
    recorded = None if rewards is None else as_rewards(source_name, rewards, rows)
    flags = {
        name: None if value is None else as_flags(source_name, name, value, rows)
        for name, value in (("terminated", terminated), ("truncated", truncated), ("dones", dones))
    }
    gaps = gaps_of(None if following is None else follows(obs, following))
    ends = find_ends(source_name, obs, gaps, rows=rows, starts=starts, hints=hints, **flags)
    known = None if next_known is None else as_flags(source_name, "next_known", next_known, rows)
    trajectories = cut(source_name, ends, obs, acts, following, known, recorded)
    demos = Demonstrations(trajectories, source=source_name, notes=(*ends.notes, *notes))
    if ends.recorded:
        check_episode_length(demos, hints.episode_length)
    return demos


def check_episode_length(demos: Demonstrations, episode_length: int | None) -> None:
    """Refuse a length that contradicts the recorded ones.

    Raises:
        DemonstrationError: A trajectory has another length.
    """
    lengths = np.unique(demos.lengths).tolist()
    if episode_length is not None and lengths != [episode_length]:
        raise DemonstrationError(
            f"{demos.source}: records trajectories of {', '.join(map(str, lengths[:5]))} steps, but episode_length "
            f"asks for {episode_length}; leave it out (--episode-length)"
        )


def next_rows(source: str, value: Any, observations: Array) -> Array:
    """Next observations, of the shape of the observations.

    Raises:
        DemonstrationError: They are of another shape.
    """
    array = as_observations(source, value, "next observations")
    if array.shape != observations.shape:
        raise DemonstrationError(
            f"{source}: next observations have shape {array.shape}; expected {observations.shape} as the observations"
        )
    return array


def cut(
    source: str,
    ends: Ends,
    obs: Array,
    acts: Array,
    following: Array | None,
    known: BoolArray | None,
    rewards: Array | None,
    *,
    first: int = 0,
) -> tuple[Trajectory, ...]:
    """Rows that end with a trajectory, cut where trajectories end.

    Args:
        source: The file's name, for messages.
        ends: Of these rows.
        obs: (N, D).
        acts: (N, A) or (N,).
        following: (N, D), or None where they are the rows that follow.
        known: (N,) whether each of ``following`` is known; None for all.
        rewards: (N,) or None.
        first: The number of the first trajectory, for messages.

    Raises:
        DemonstrationError: A trajectory is not valid.
    """
    last = ends.terminated | ends.truncated
    stops = np.flatnonzero(last) + 1
    if following is None:
        known = ~last
    elif known is None:
        known = np.ones(len(obs), np.bool_)
    else:
        following = np.where(known[:, None], following, obs)
    pieces = []
    for number, (start, stop) in enumerate(pairwise([0, *stops.tolist()]), first):
        rows = slice(start, stop)
        # piece by piece, as each is then in the processor's cache when it is checked
        after = (
            following[rows] if following is not None else np.concatenate([obs[start + 1 : stop], obs[stop - 1 : stop]])
        )
        try:
            pieces.append(
                Trajectory(
                    observations=obs[rows],
                    actions=acts[rows],
                    next_observations=after,
                    terminated=ends.terminated[rows],
                    truncated=ends.truncated[rows],
                    next_known=known[rows],
                    rewards=None if rewards is None else rewards[rows],
                )
            )
        except DemonstrationError as error:
            raise DemonstrationError(f"{source}: trajectory {number}: {error}") from error
    return tuple(pieces)
