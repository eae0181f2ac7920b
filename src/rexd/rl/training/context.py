"""What every step of a training run is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium

from rexd.demos.goals import Goals
from rexd.flattening import Flattening
from rexd.rl.config import TrainConfig
from rexd.rl.observers.observer import Observer

MakeEnv = Callable[[], gymnasium.Env[Any, Any]]


@dataclass(frozen=True)
class RunContext:
    """What every step of a training run is told.

    Attributes:
        config: The settings of the run.
        folder: The folder of the run.
        make_env: Makes the environment as it is, which is what evaluation plays.
        observer: Is told of progress.
        observations: How the environment's own observations become columns, for the policies that are kept; None where
            they are one array of numbers.
        goals: Which columns know the goal; None without goals.
        adapted: The settings of ``config`` that are not those which were asked for (``rexd.rl.training.adapted``).
    """

    config: TrainConfig
    folder: Path
    make_env: MakeEnv
    observer: Observer
    observations: Flattening | None = None
    goals: Goals | None = None
    adapted: Mapping[str, Any] = field(default_factory=dict)
