"""Rows that are stored end to end, cut into trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rexd.demos.columns import as_actions, as_flags, as_observations, as_rewards
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.ends import Ends, equal_rows, find_ends
from rexd.demos.hints import Hints
from rexd.demos.trajectory import Array, BoolArray, Trajectory
from rexd.errors import DemonstrationError


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
            last one of each is then not known, nor where it is the first observation of the next trajectory.
        terminated: (N,) whether a terminal state was reached; for files that tell it from a time limit.
        truncated: (N,) whether a time limit or the recording ended the episode.
        dones: (N,) whether the episode ended, for files that do not say by what. Ends at the environment's time
            limit count as truncated.
        starts: Where trajectories begin: the first row of each, ascending, or (N,) bool that is true there.
        rewards: (N,), the environment's.
        hints: What the user and the environment know.
        notes: What the format did to the data before, for the user.

    Raises:
        DemonstrationError: The arrays do not fit each other, a value is not finite, the boundaries are not clear,
            or the recorded ones contradict ``hints.episode_length``.
    """
    obs = as_observations(source_name, observations)
    rows = len(obs)
    acts = as_actions(source_name, actions, rows, hints)
    following = None if next_observations is None else _following(source_name, next_observations, obs)
    recorded = None if rewards is None else as_rewards(source_name, rewards, rows)
    flags = {
        name: None if value is None else as_flags(source_name, name, value, rows)
        for name, value in (("terminated", terminated), ("truncated", truncated), ("dones", dones))
    }
    ends = find_ends(source_name, obs, following, starts=starts, hints=hints, **flags)
    last = ends.terminated | ends.truncated
    resets = _resets(obs, following, last)
    trajectories = _cut(source_name, ends, obs, acts, following, recorded, resets)
    found = list(ends.notes)
    if count := int(resets.sum()):
        found.append(
            f"the last next observation of {count} of {int(last.sum())} trajectories is the first observation of the "
            "next one, as recorded after an automatic reset: not used"
        )
    demos = Demonstrations(trajectories, source=source_name, notes=(*found, *notes))
    if ends.recorded:
        check_episode_length(demos, hints.episode_length)
    return demos


def check_episode_length(demos: Demonstrations, episode_length: int | None) -> None:
    """Refuse a length that contradicts the recorded ones.

    Raises:
        DemonstrationError: A trajectory has another length.
    """
    lengths = sorted({len(t) for t in demos})
    if episode_length is not None and lengths != [episode_length]:
        raise DemonstrationError(
            f"{demos.source}: records trajectories of {', '.join(map(str, lengths[:5]))} steps, but episode_length "
            f"asks for {episode_length}; leave it out (--episode-length)"
        )


def _following(source: str, value: Any, observations: Array) -> Array:
    array = as_observations(source, value, "next observations")
    if array.shape != observations.shape:
        raise DemonstrationError(
            f"{source}: next observations have shape {array.shape}; expected {observations.shape} as the observations"
        )
    return array


def _resets(obs: Array, following: Array | None, last: BoolArray) -> BoolArray:
    """The last rows whose next observation belongs to the trajectory after theirs.

    Nothing follows the last row of all: it is taken for one of them where all others are.
    """
    resets = np.zeros(len(obs), np.bool_)
    if following is None:
        return resets
    stops = np.flatnonzero(last)[:-1]
    same = equal_rows(obs[stops + 1], following[stops]) & (obs[stops] != obs[stops + 1]).any(axis=1)
    resets[stops[same]] = True
    resets[-1] = bool(len(stops)) and bool(same.all())
    return resets


def _cut(
    source: str,
    ends: Ends,
    obs: Array,
    acts: Array,
    following: Array | None,
    rewards: Array | None,
    resets: BoolArray,
) -> tuple[Trajectory, ...]:
    last = ends.terminated | ends.truncated
    known = ~resets
    if following is None:
        following = np.concatenate([obs[1:], obs[-1:]])
        following[last] = obs[last]
        known = ~last
    elif resets.any():
        following = following.copy()
        following[resets] = obs[resets]
    stops = np.flatnonzero(last) + 1
    pieces = []
    for number, (start, stop) in enumerate(zip([0, *stops[:-1]], stops, strict=True)):
        rows = slice(start, stop)
        try:
            pieces.append(
                Trajectory(
                    observations=obs[rows],
                    actions=acts[rows],
                    next_observations=following[rows],
                    terminated=ends.terminated[rows],
                    truncated=ends.truncated[rows],
                    next_known=known[rows],
                    rewards=None if rewards is None else rewards[rows],
                )
            )
        except DemonstrationError as error:
            raise DemonstrationError(f"{source}: trajectory {number}: {error}") from error
    return tuple(pieces)
