"""Mends of the order of rows: actions that were stored beside another step, and ends in the wrong places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import chain
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.equal_rows import equal_rows
from rexd.demos.streamed import lengths_of, mapped
from rexd.demos.trajectory import BoolArray, Trajectory
from rexd.errors import DemonstrationError


def shift_actions(demos: Demonstrations, k: int) -> Demonstrations:
    """Give each row the action of the row ``k`` later in its trajectory; rows without such an action are dropped.

    The next observations tell which array was stored at another step. If each next observation is the observation of
    the following row, the actions were: they alone are moved. If the next observations agree with the *observations*
    moved by ``k``, the observations were: next observations, rewards, ends and step numbers then move with the actions.

    A trajectory that loses its last row ends as truncated, since it no longer shows how it went on.

    Args:
        demos: Whole trajectories, with all steps in order.
        k: 1 for actions stored a row late or observations stored after the step; -1 for the opposite.

    Raises:
        DemonstrationError: ``k`` is 0 or leaves no row of a trajectory, or rows do not follow each other.
    """
    if k == 0:
        raise DemonstrationError(f"{demos.source}: shifting actions by 0 rows changes nothing; expected 1 or -1")
    parts = (demos.trajectories, demos.unused)
    lengths = np.concatenate([lengths_of(part) for part in parts])
    for number in np.flatnonzero(lengths <= abs(k)):
        raise DemonstrationError(
            f"{demos.source}: trajectory {number} has {lengths[number]} steps; shifting actions by {k} leaves none. "
            "Leave that trajectory out"
        )
    together = _moved_together(demos, k)
    made, unused = (mapped(part, lambda _, t: _shifted(t, k, together), lengths_of(part) - abs(k)) for part in parts)
    lost = sum(bool(t.terminated[-1] and not _shifted(t, k, together).terminated[-1]) for t in demos)
    note = f"shifted actions by {k}: {abs(k)} rows of each trajectory have none and were dropped"
    if together:
        note += "; next observations, rewards and ends, which stood beside the actions, moved with them"
    if lost:
        note += f"; {lost} trajectories no longer reach their terminal state and count as truncated"
    return replace(demos, trajectories=made, unused=unused, notes=(*demos.notes, note))


def _moved_together(demos: Demonstrations, k: int) -> bool:
    """Return whether the observations were stored at another step; otherwise the actions were."""
    actions = observations = True
    number = step = 0
    for place, t in enumerate(chain(demos.trajectories, demos.unused)):
        apart = np.flatnonzero(~_next_is(t, 1))
        if actions and len(apart):
            number, step = place, int(apart[0])
        actions = actions and not len(apart)
        observations = observations and bool(_next_is(t, 1 - k).all())
    if actions or observations:
        return not actions
    raise DemonstrationError(
        f"{demos.source}: the next observation at step {step} of trajectory {number} is not the row that follows; "
        "expected whole trajectories to shift actions within. Shift before subsampling, or mend the ends first "
        "(--episode-length)"
    )


def _next_is(t: Trajectory, ahead: int) -> BoolArray:
    """Compare each next observation with the observation ``ahead`` rows later.

    Returns:
        (T - 1,) whether the two are equal; true where one of them is not known. False if the step numbers have a gap.
    """
    same, count = np.ones(len(t) - 1, np.bool_), len(t)
    first, last = max(0, -ahead), min(count - 1, count - ahead)
    if first < last:
        index = np.arange(first, last)
        same[index] = equal_rows(t.next_observations[index], t.observations[index + ahead]) | ~t.next_known[index]
    return np.asarray(same & (np.diff(t.steps) == 1))


def _shifted(t: Trajectory, k: int, together: bool) -> Trajectory:
    kept = np.arange(max(0, -k), len(t) - max(0, k))
    parts: dict[str, Any] = {}
    for item in fields(t):
        array = getattr(t, item.name)
        moves = item.name == "actions" or (together and item.name != "observations")
        parts[item.name] = None if array is None else array[kept + k if moves else kept]
    if not (parts["terminated"][-1] or parts["truncated"][-1]):
        parts["truncated"] = parts["truncated"].copy()
        parts["truncated"][-1] = True
    return Trajectory(**parts)


def recut(demos: Demonstrations, episode_length: int) -> Demonstrations:
    """Put all rows end to end and cut them anew, for files whose ends are marked in the wrong places.

    Marks of ends within the new trajectories are removed. The last row of each is terminated if it was marked so and
    most other rows are not marked as ends; otherwise it is truncated. A next observation that was not known because of
    an end becomes the observation of the following row. A last next observation that is the first observation of the
    next trajectory becomes not known.

    Args:
        demos: The demonstrations, of which no row was left out.
        episode_length: The number of steps of each new trajectory.

    Raises:
        DemonstrationError: The length does not divide the rows, or the rows cannot be put end to end.
    """
    rows, source = demos.n_transitions, demos.source
    if episode_length < 1 or rows % episode_length:
        raise DemonstrationError(
            f"{source}: {rows} steps do not divide into trajectories of {episode_length}; expected a divisor of "
            f"{rows} (--episode-length)"
        )
    if demos.streamed:
        raise DemonstrationError(
            f"{source}: the file is larger than memory, so that its rows cannot be cut anew; convert it in parts "
            "(--leave-out)"
        )
    if demos.unused or demos.offsets:
        raise DemonstrationError(
            f"{source}: some rows are left out, so that the rows cannot be cut anew; use the whole file"
        )
    columns = {item.name: _end_to_end(demos, item.name) for item in fields(Trajectory) if item.name != "steps"}
    obs, following, known = columns["observations"], columns["next_observations"], columns["next_known"]
    last = np.arange(rows) % episode_length == episode_length - 1
    marked = columns["terminated"] | columns["truncated"]
    # Flags that are true in most rows mark the rows that go on, so they do not tell how a trajectory ended.
    terminated = columns["terminated"] & last & (marked[~last].mean() <= 0.5 if (~last).any() else True)
    joins = ~last & ~known
    reset = last & known & np.append(equal_rows(following[:-1], obs[1:]), False)
    following = following.copy()
    following[joins] = obs[1:][joins[:-1]]
    following[reset] = obs[reset]
    columns |= {
        "next_observations": following,
        "next_known": (known | joins) & ~reset,
        "terminated": terminated,
        "truncated": last & (~terminated | columns["truncated"]),
    }
    pieces = [_piece(columns, slice(start, start + episode_length)) for start in range(0, rows, episode_length)]
    note = f"cut anew into {len(pieces)} trajectories of {episode_length} steps, as asked: {len(demos)} were marked" + (
        f", {int((marked & ~last).sum())} rows within the new ones as ends" if (marked & ~last).any() else ""
    )
    return replace(demos, trajectories=tuple(pieces), notes=(*demos.notes, note))


def _piece(columns: Mapping[str, Any], rows: slice) -> Trajectory:
    parts: dict[str, Any] = {name: None if array is None else array[rows] for name, array in columns.items()}
    return Trajectory(**parts)


def _end_to_end(demos: Demonstrations, name: str) -> Any:
    parts = [getattr(t, name) for t in demos]
    if all(part is None for part in parts):
        return None
    if len({None if part is None else part.dtype for part in parts}) > 1:
        raise DemonstrationError(
            f"{demos.source}: {name.replace('_', ' ')} are recorded in some trajectories only, or with several "
            "dtypes, so that they cannot be cut anew; leave --episode-length out"
        )
    return np.concatenate(parts)
