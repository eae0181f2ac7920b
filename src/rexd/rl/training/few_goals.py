"""What is set for demonstrations of a task with goals that show few of its goals: nothing is cloned.

A clone of one way to one goal goes that way whatever the goal, and demonstrations in half of each batch hold the
critics to it. On Reacher from one trajectory, cloning had −9.8 after 4,000 steps, and without it the policy had −8.8,
on its way to −6.2 (docs/training.md). Where many goals are shown, the clone knows what to do with a new one.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.other_goals import goals_of
from rexd.rl.config import TrainConfig

FEW = 10
SETTINGS: dict[str, Any] = {
    "demonstration_share": 0.2,
    "cloning_weight": 0.0,
    "warm_start": 0,
    "best_episodes": 0,
}


def for_few_goals(config: TrainConfig, demonstrations: Demonstrations) -> tuple[TrainConfig, str | None]:
    """Set what few goals need, as far as the settings have their default values.

    Args:
        config: Settings of the run.
        demonstrations: What the expert did, in memory.

    Returns:
        The settings, and what is said of it; None where nothing was set.
    """
    number = shown_goals(demonstrations)
    if number is None or number >= FEW:
        return config, None
    default = {field.name: field.default for field in fields(TrainConfig) if field.name in SETTINGS}
    changed = {name: value for name, value in SETTINGS.items() if getattr(config, name) == default[name]}
    if not changed:
        return config, None
    shown = "1 goal" if number == 1 else f"{number} goals"
    settings = ", ".join(f"{name} {value}" for name, value in changed.items())
    return replace(config, **changed), (
        f"the demonstrations show {shown}, and a clone knows no others: {settings}. With {FEW} or more they are cloned"
    )


def shown_goals(demonstrations: Demonstrations) -> int | None:
    """Return how many different goals the demonstrations show; None where the task has none."""
    goals = goals_of(demonstrations)
    if goals is None:
        return None
    desired = [trajectory.observations[:, list(goals.desired)] for trajectory in demonstrations.trajectories]
    return len(np.unique(np.concatenate(desired), axis=0))
