"""What the user and the environment know about a file before it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Hints:
    """What helps to read a file that does not say everything itself; None where it is not known.

    Attributes:
        episode_length: Steps of each trajectory, as the user says.
        max_episode_steps: The environment's time limit.
        columns: The observation columns that the user asks for. Only formats with ``takes_columns`` may use them:
            for the others they are selected after loading.
        obs_dim: Observation columns of the environment.
        act_dim: Continuous action columns of the environment; None where its actions are discrete.
        n_actions: Number of discrete actions of the environment; None where its actions are continuous.
    """

    episode_length: int | None = None
    max_episode_steps: int | None = None
    columns: Sequence[int] | slice | None = None
    obs_dim: int | None = None
    act_dim: int | None = None
    n_actions: int | None = None
