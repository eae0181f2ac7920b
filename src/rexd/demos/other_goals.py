"""Demonstrations with other goals: what an expert reached on its way is what it would have done for that goal.

A copy of a trajectory is cut off at a step, and its goal becomes what was achieved there (Ding et al. 2019, "Goal-
conditioned imitation learning", arXiv 1906.05838). One trajectory then shows how several goals are reached. What it
costs: a copy ends in motion where the expert did not mean to stop, and its way need not be the best one to its goal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.trajectory import Trajectory

COPIES = 12  # of each trajectory, at most
FEWEST = 8  # rows at goals, on which the support of being there can be calibrated
ARRIVED = 0.9  # share of its way after which an expert is at its goal


def goals_of(demonstrations: Demonstrations) -> Goals | None:
    """Return the goal of demonstrations: the one that is given, or the one that the names of columns tell."""
    return demonstrations.goals or Goals.named(demonstrations.column_names)


def with_other_goals(demonstrations: Demonstrations, copies: int = COPIES) -> Demonstrations:
    """Add copies of each trajectory whose goals are what it reached on its way; the trajectories come first.

    Rows that a selection left out stay as they are, and so do demonstrations without goals.

    Args:
        demonstrations: What the expert did, in memory.
        copies: The largest number of copies of a trajectory.
    """
    goals = goals_of(demonstrations)
    if goals is None:
        return demonstrations
    added = [copy for t in demonstrations.trajectories for copy in _copies(t, goals, copies)]
    note = f"added {len(added)} copies of trajectories, cut off where they reach another goal"
    return replace(
        demonstrations,
        trajectories=(*demonstrations.trajectories, *added),
        offsets=(),
        notes=(*demonstrations.notes, note),
    )


def rows_for_goals(demonstrations: Demonstrations, *, stays: bool) -> tuple[Demonstrations, Demonstrations | None]:
    """Return the rows whose support a reward should estimate, and the rows that tell how widely its columns spread.

    An expert that stays at its goal shows there what is wanted: on its way, it is as far from its goal as a policy may
    be at any time. The support is then that of the rows at the goal, and the spread that of the way, with all goals.
    Where reaching the goal ends the episode, the end has a worth of its own, and the support is that of the way; so it
    is where fewer than ``FEWEST`` rows are at a goal.

    Args:
        demonstrations: What the expert did; without goals, they are returned as they are, and no spread.
        stays: Whether the expert stays at its goal, so that no episode ends in a terminal state.
    """
    if goals_of(demonstrations) is None:
        return demonstrations, None
    everywhere = with_other_goals(demonstrations)
    there = at_goals(demonstrations)
    return (there, everywhere) if stays and there.n_transitions >= FEWEST else (everywhere, None)


def at_goals(demonstrations: Demonstrations) -> Demonstrations:
    """Keep the rows in which the expert is at its goal: those after nine tenths of its way.

    Trajectories without any movement are kept whole, and demonstrations without goals stay as they are.
    """
    goals = goals_of(demonstrations)
    if goals is None:
        return demonstrations
    parts = (demonstrations.trajectories, demonstrations.unused)
    kept, unused = (tuple(t.rows(slice(_arrival(t, goals), None)) for t in part) for part in parts)
    return replace(demonstrations, trajectories=kept, unused=unused, offsets=())


def with_goal(trajectory: Trajectory, goals: Goals, goal: NDArray[np.floating], last: int) -> Trajectory:
    """Return a trajectory up to row ``last``, as if it had been after another goal, (G,).

    It ends as the whole trajectory does, in a terminal state or not. The environment's rewards are not known.
    """
    part = trajectory.rows(slice(0, last + 1))
    ends = np.zeros(len(part), bool)
    ends[-1] = True
    terminal = bool(trajectory.terminated[-1])
    return replace(
        part,
        observations=goals.exchanged(part.observations, goal),
        next_observations=goals.exchanged(part.next_observations, goal),
        terminated=ends & terminal,
        truncated=ends & (not terminal),
        rewards=None,
    )


def stops(achieved: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Return steps between which equal ways lie: (T, G) what is achieved after each step -> at most ``most`` steps.

    The end is left out, where a trajectory is after what it reaches. There are no steps where nothing moves.
    """
    way = way_of(achieved)
    if not len(way) or not way[-1] > 0.0:
        return np.zeros(0, np.int64)
    parts = way[-1] * np.arange(1, most + 1) / (most + 1)
    return np.unique(np.searchsorted(way, parts) + 1).clip(max=len(achieved) - 1)


def way_of(achieved: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the length of the way after each step but the first: (T, G) what is achieved -> (T - 1,)."""
    return np.cumsum(np.linalg.norm(np.diff(achieved.astype(np.float64), axis=0), axis=1))


def _arrival(trajectory: Trajectory, goals: Goals) -> int:
    """Return the first row at the goal."""
    way = way_of(goals.achieved(trajectory.next_observations))
    return int(np.searchsorted(way, ARRIVED * way[-1])) + 1 if len(way) and way[-1] > 0.0 else 0


def _copies(trajectory: Trajectory, goals: Goals, most: int) -> list[Trajectory]:
    achieved = goals.achieved(trajectory.next_observations)
    return [
        with_goal(trajectory, goals, achieved[at], int(at)) for at in stops(achieved, most) if trajectory.next_known[at]
    ]
