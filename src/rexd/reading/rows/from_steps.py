"""Rows that are stored end to end, cut into trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import NOTE
from rexd.demos.trajectory import Array, Trajectory
from rexd.errors import DemonstrationError
from rexd.flattening import Flattening
from rexd.reading.rows.columns import NormalColumns, RecordedColumns
from rexd.reading.rows.ends.episode_ends import Ends, RecordedEnds, find_ends, find_gaps, follows, listed
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import is_rows
from rexd.reading.rows.normalise import as_actions, as_flags, as_observations, as_rewards


def from_steps(
    source_name: str, columns: RecordedColumns, *, hints: Hints, notes: Sequence[str] = ()
) -> Demonstrations:
    """Make demonstrations from rows that are stored end to end.

    Shapes and dtypes are normalised: (N, 1, A) and (N, 1), small integers, truth values, whole numbers for an
    environment with discrete actions, lists and arrays of objects that hold rows of equal length. The ends of
    trajectories are taken from ``starts``, from the flags, and from next observations that differ from the following
    row. Where none of these is recorded, they come from ``hints.episode_length`` or are inferred from the
    observations. One observation more than there are actions is the final one of the last trajectory.

    Args:
        source_name: The file's name, for messages.
        columns: The columns that the file has.
        hints: What the user and the environment know.
        notes: What the format did to the data before, for the user.

    Raises:
        DemonstrationError: The arrays do not fit each other, a value is not finite, the boundaries are not clear,
            or the recorded ones contradict ``hints.episode_length``.
    """
    obs, given = (
        as_observations(source_name, columns.observations, flattening=hints.flattening),
        columns.next_observations,
    )
    spare = given is None and is_rows(columns.actions) and len(obs) == len(columns.actions) + 1
    if spare:
        obs, given = obs[:-1], obs[1:]
    rows = len(obs)
    acts = as_actions(source_name, columns.actions, rows, hints)
    following = None if given is None else as_next_observations(source_name, given, obs, hints.flattening)
    rewards = None if columns.rewards is None else as_rewards(source_name, columns.rewards, rows)
    recorded = {"terminated": columns.terminated, "truncated": columns.truncated, "dones": columns.dones}
    flags = {
        name: None if value is None else as_flags(source_name, name, value, rows) for name, value in recorded.items()
    }
    gaps = find_gaps(None if following is None else follows(obs, following))
    ends = find_ends(source_name, rows, obs, RecordedEnds(**flags, starts=columns.starts, gaps=gaps), hints)
    known = None if columns.next_known is None else as_flags(source_name, "next_known", columns.next_known, rows)
    if spare:  # what follows the end of an earlier trajectory is the first observation of the next
        known = ~(ends.terminated | ends.truncated)
        known[-1:] = True
    trajectories = cut(source_name, ends, NormalColumns(obs, acts, following, known, rewards))
    lacking = [] if trajectories[0].actions.size else [NOTE]
    demos = Demonstrations(trajectories, source=source_name, notes=(*ends.notes, *notes, *lacking))
    if ends.recorded:
        check_lengths(demos, replace(hints, lengths=None))  # find_ends has checked these
    return demos


def check_lengths(demos: Demonstrations, hints: Hints) -> None:
    """Refuse lengths that the user gives and that contradict the recorded ones.

    Raises:
        DemonstrationError: A trajectory has another length.
    """
    found = np.unique(demos.lengths)
    if hints.episode_length is not None and found.tolist() != [hints.episode_length]:
        raise DemonstrationError(
            f"{demos.source}: records trajectories of {', '.join(map(str, found[:5].tolist()))} steps, but "
            f"episode_length asks for {hints.episode_length}; leave it out (--episode-length)"
        )
    if hints.lengths is not None and (isinstance(hints.lengths, str) or demos.lengths.tolist() != [*hints.lengths]):
        asked = hints.lengths if isinstance(hints.lengths, str) else listed(np.array(hints.lengths))
        raise DemonstrationError(
            f"{demos.source}: records trajectories of {listed(demos.lengths)} steps, but lengths asks for {asked}; "
            "leave it out (--lengths)"
        )


def as_next_observations(source: str, value: Any, observations: Array, flattening: Flattening | None = None) -> Array:
    """Return next observations as an array of the observations' shape.

    Raises:
        DemonstrationError: They have another shape.
    """
    array = as_observations(source, value, "next observations", flattening)
    if array.shape != observations.shape:
        raise DemonstrationError(
            f"{source}: next observations have shape {array.shape}; expected {observations.shape} as the observations"
        )
    return array


def cut(source: str, ends: Ends, columns: NormalColumns, *, first: int = 0) -> tuple[Trajectory, ...]:
    """Cut rows into trajectories.

    Args:
        source: The file's name, for messages.
        ends: The ends of the trajectories within these rows; the last row is one.
        columns: The rows, which begin with the first row of a trajectory.
        first: The number of the first trajectory, for messages.

    Raises:
        DemonstrationError: A trajectory is not valid.
    """
    obs, following, known = columns.observations, columns.next_observations, columns.next_known
    last = ends.terminated | ends.truncated
    stops = np.flatnonzero(last) + 1
    if following is None:
        known = ~last
    else:
        known = ~ends.severed if known is None else known & ~ends.severed
        following = following if known.all() else np.where(known.reshape(-1, *(1,) * (obs.ndim - 1)), following, obs)
    pieces = []
    for number, (start, stop) in enumerate(pairwise([0, *stops.tolist()]), first):
        rows = slice(start, stop)
        # Next observations are made for one trajectory at a time, so that they are still in the processor's cache
        # when Trajectory checks them.
        after = (
            following[rows] if following is not None else np.concatenate([obs[start + 1 : stop], obs[stop - 1 : stop]])
        )
        try:
            pieces.append(
                Trajectory(
                    observations=obs[rows],
                    actions=columns.actions[rows],
                    next_observations=after,
                    terminated=ends.terminated[rows],
                    truncated=ends.truncated[rows],
                    next_known=known[rows],
                    rewards=None if columns.rewards is None else columns.rewards[rows],
                )
            )
        except DemonstrationError as error:
            raise DemonstrationError(f"{source}: trajectory {number}: {error}") from error
    return tuple(pieces)
