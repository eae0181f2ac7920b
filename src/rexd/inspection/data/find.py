"""Every look at the data that needs no simulator."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.inspection.data import actions, columns, ends, lengths, phases, returns, rows
from rexd.inspection.data import next_observations as following
from rexd.inspection.data.finding import Finding, by_severity
from rexd.inspection.data.look import Look, look_at
from rexd.reading.task import Task

LOOKS: tuple[Look[list[Finding]], ...] = (
    columns.constant_columns,
    columns.duplicate_columns,
    columns.time_columns,
    rows.duplicate_trajectories,
    rows.duplicate_rows,
    following.repeated_observations,
    following.gaps,
    following.next_episode_observations,
    following.stale_first_observations,
    ends.early_ends,
    ends.missing_ends,
    lengths.early_failures,
    returns.low_returns,
    phases.phase_locked,
)
"""Each takes demonstrations as they were recorded and gives what it finds, nothing if all is well."""


def find(
    demos: Demonstrations,
    task: Task | None = None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Finding, ...]:
    """Everything that is odd, the worst first.

    Args:
        demos: As they were recorded: actions not clipped to the bounds.
        task: What the environment says.
        progress: Called now and then with the number of transitions that were seen, and of all.
    """
    looks = [*LOOKS, ends.look_for_time_limits(None if task is None else task.max_episode_steps)]
    space: Any = None if task is None else task.action_space
    if hasattr(space, "low") and demos.n_actions is None and np.shape(space.low) == (demos.act_dim,):
        looks += actions.bounded_looks(np.asarray(space.low), np.asarray(space.high))
    found = look_at(demos, looks, progress)
    return by_severity([*lengths.short_trajectories(demos), *chain.from_iterable(found)])
