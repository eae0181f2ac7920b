"""All findings that need no simulator, by one reading of the data."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.inspection.data.doubts import doubts
from rexd.inspection.data.finding import Finding, by_severity
from rexd.inspection.data.look import Look, look_at
from rexd.inspection.data.looks.actions import clipped_actions, saturated_actions, unscaled_actions
from rexd.inspection.data.looks.columns import constant_columns, duplicate_columns, lost_columns, time_columns
from rexd.inspection.data.looks.copied_actions import copied_actions
from rexd.inspection.data.looks.ends import early_ends, missing_ends, time_limits
from rexd.inspection.data.looks.lengths import early_failures, short_trajectories
from rexd.inspection.data.looks.next_observations import (
    gaps,
    next_episode_observations,
    repeated_observations,
    stale_first_observations,
)
from rexd.inspection.data.looks.phases import phase_locked
from rexd.inspection.data.looks.returns import low_returns, missing_rewards
from rexd.inspection.data.looks.rows import duplicate_rows, duplicate_trajectories
from rexd.inspection.data.looks.still_ends import still_ends
from rexd.progress import Progress
from rexd.reading.environment_facts import EnvironmentFacts

LOOKS: tuple[Look[list[Finding]], ...] = (
    constant_columns,
    lost_columns,
    duplicate_columns,
    time_columns,
    duplicate_trajectories,
    duplicate_rows,
    repeated_observations,
    gaps,
    next_episode_observations,
    stale_first_observations,
    early_ends,
    missing_ends,
    early_failures,
    low_returns,
    missing_rewards,
    phase_locked,
    still_ends,
)
"""The looks that need no environment. Each takes demonstrations as they were recorded and returns its findings."""


def find(
    demos: Demonstrations,
    task: EnvironmentFacts | None = None,
    *,
    progress: Progress = lambda done, total: None,
) -> tuple[Finding, ...]:
    """Return all findings, the worst first.

    Args:
        demos: The demonstrations as they were recorded, with actions that are not clipped.
        task: The facts about the environment; None if none is named.
        progress: Called with the number of transitions so far, and the number of all.
    """
    limit = None if task is None else task.max_episode_steps
    width = None if task is None else getattr(task.observation_space, "shape", None)
    looks = [*LOOKS, time_limits(limit), copied_actions(known_width=width == (demos.obs_dim,))]
    space: Any = None if task is None else task.action_space
    if hasattr(space, "low") and demos.n_actions is None and np.shape(space.low) == (demos.act_dim,):
        low, high = np.asarray(space.low), np.asarray(space.high)
        looks += [look(low, high) for look in (clipped_actions, saturated_actions, unscaled_actions)]
    found = look_at(demos, looks, progress)
    return by_severity([*doubts(demos), *short_trajectories(demos), *chain.from_iterable(found)])
