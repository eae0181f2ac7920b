"""Returns of tasks that end: what a terminal state is worth where demonstrations end in one.

A reward that is always positive pays for staying: an expert that reaches its goal and ends its episode would earn less
than a policy that stops before the goal and never ends. Where demonstrations end in a terminal state, the reward r_T of
a terminal step therefore counts as if it were paid for ever, which is worth r_T / (1 − γ). An end that looks like the
expert's is then worth what staying with the expert is worth, and an end outside the support, whose r_T is near 0, is
worth nothing. It is the closed form of an absorbing state that pays r_T (Kostrikov et al. 2019, arXiv 1809.02925,
section 4.2, with the reward of the terminal step in place of a learnt one), and needs no further steps.

A return that is shown, or that selects a policy, counts in the same way up to the horizon, which is the length of the
longest demonstration: the reward of a terminal step is counted for the steps that are left, and steps beyond the
horizon are not counted. So it costs nothing to finish early, and nothing is gained by being slow.

Drawback: an end is judged by the step that leads to it, so that a fall out of the middle of the expert's behaviour is
paid like a success until the reward falls with it.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations

Float32 = NDArray[np.float32]


def horizon_of(demonstrations: Demonstrations) -> int | None:
    """Return the number of steps over which returns count, where demonstrations end in terminal states.

    Rows that a selection left out are looked at as well, since they may hold the ends.

    Args:
        demonstrations: What the expert did, in memory.

    Returns:
        The length of the longest demonstration, or None where fewer than half of the recorded ends are terminal: then
        an end is no part of what the expert shows, and nothing is paid for one.
    """
    pieces = list(chain(demonstrations.trajectories, demonstrations.unused))
    terminal = sum(int(piece.terminated.sum()) for piece in pieces)
    cut_off = sum(int((piece.truncated & ~piece.terminated).sum()) for piece in pieces)
    return demonstrations.longest if terminal and terminal >= cut_off else None


def times_counted(step: NDArray[Any], terminated: NDArray[Any], horizon: int) -> NDArray[np.int64]:
    """Return how often the reward of each step counts in a return up to the horizon.

    Args:
        step: (...,) steps since the start of the episode.
        terminated: (...,) whether a step reached a terminal state.
        horizon: The number of steps over which a return counts.

    Returns:
        (...,) int64: 1 up to the horizon and 0 beyond it; at a terminal step, 1 for itself and 1 for each step that is
        left.
    """
    left = np.maximum(horizon - np.asarray(step), 0)
    return np.asarray(np.where(terminated, left, np.minimum(left, 1)), np.int64)


def for_ever(reward: Float32, terminated: NDArray[Any], discount: float) -> Float32:
    """Return what terminal steps are worth beyond their own reward: r_T · γ / (1 − γ), and 0 for other steps.

    Args:
        reward: (...,) the reward of each step.
        terminated: (...,) whether a step reached a terminal state.
        discount: γ, below 1.
    """
    return np.asarray(reward * np.asarray(terminated, np.float32) * (discount / (1.0 - discount)), np.float32)
