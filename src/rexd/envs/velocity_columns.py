"""The observation columns that are velocities, found by means of the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.envs.make import Env


def velocity_columns(env: Env) -> list[int] | None:
    """Return the columns that change when a MuJoCo task's velocities change and its positions do not.

    The environment is reset. None: it is another kind of task, or a wrapper gives other observations.
    """
    task = env.unwrapped
    if not all(hasattr(task, name) for name in ("set_state", "data", "_get_obs")):
        return None
    env.reset(seed=0)
    data: Any = task.data  # type: ignore[attr-defined]
    positions, velocities = data.qpos.copy(), data.qvel.copy()
    before = _observe(task, positions, velocities)
    if before.shape != env.observation_space.shape:
        return None
    after = _observe(task, positions, velocities + 0.1 * (1.0 + np.abs(velocities)))
    return [int(column) for column in np.flatnonzero(np.abs(after - before) > 1e-9)]


def _observe(task: Any, positions: Any, velocities: Any) -> Any:
    task.set_state(positions, velocities)
    return np.array(task._get_obs())
