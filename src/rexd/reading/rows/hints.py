"""What is known about a file before it is read, from the user and from the environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rexd.flattening import Flattening


@dataclass(frozen=True)
class Hints:
    """Facts that help to read a file which does not record them itself; None where a fact is not known.

    Attributes:
        episode_length: The number of steps of each trajectory, as the user gives it.
        lengths: The number of steps of each trajectory in turn, as the user gives it, or the key that holds them.
        max_episode_steps: The environment's time limit.
        columns: The observation columns that the user asks for. Only formats with ``takes_columns`` may use them; for
            other formats they are selected after loading.
        obs_dim: The number of the environment's observation columns.
        act_dim: The number of the environment's continuous action columns; None where its actions are discrete.
        n_actions: The number of the environment's discrete actions; None where its actions are continuous.
        one_episode: Whether the file is one of many that each hold one episode. Then its rows are one trajectory where
            it does not record where trajectories begin and its rows do not show it.
        like_others: Whether many such files were found to hold one episode each. Then its rows are not looked at, which
            takes longer than reading them.
        rows_alone: Whether rows are of use without the ends of trajectories. Where these are neither recorded nor
            clear, all rows are then one trajectory.
        flattening: How the environment's observations become columns; None where they are one array of numbers.
    """

    episode_length: int | None = None
    lengths: Sequence[int] | str | None = None
    max_episode_steps: int | None = None
    columns: Sequence[int] | slice | None = None
    obs_dim: int | None = None
    act_dim: int | None = None
    n_actions: int | None = None
    one_episode: bool = False
    like_others: bool = False
    rows_alone: bool = False
    flattening: Flattening | None = None
