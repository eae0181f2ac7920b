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
    way = np.cumsum(np.linalg.norm(np.diff(achieved, axis=0), axis=1, ord=2))
    if not len(way) or not way[-1] > 0.0:
        return np.zeros(0, np.int64)
    parts = way[-1] * np.arange(1, most + 1) / (most + 1)
    return np.unique(np.searchsorted(way, parts) + 1).clip(max=len(achieved) - 1)


def _copies(trajectory: Trajectory, goals: Goals, most: int) -> list[Trajectory]:
    achieved = goals.achieved(trajectory.next_observations)
    return [
        with_goal(trajectory, goals, achieved[at], int(at)) for at in stops(achieved, most) if trajectory.next_known[at]
    ]
