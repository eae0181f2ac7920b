"""Probes: rows of one known kind that a reward is asked about, and the rewards that can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rexd.demos.trajectory import Trajectory
from rexd.reward.calibration import Calibration
from rexd.reward.checks import Check
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.rows import Float32, Rows

MOST_ROWS = 2000  # of one probe, drawn evenly from more; the interval of an AUROC is then a few hundredths wide


class Estimator(Protocol):
    """A fitted reward model whose novelty is calibrated on held-out rows, as that of ``rexd.RED`` is."""

    @property
    def calibration_(self) -> Calibration:
        """The scale of the novelty."""
        ...

    @property
    def held_out_novelty_(self) -> Float32:
        """(N,) the novelty of each demonstrated row by a model that never saw it."""
        ...

    @property
    def held_out_reward_(self) -> Float32:
        """(N,) what each of these rows is paid."""
        ...

    @property
    def checks_(self) -> Sequence[Check]:
        """What the reward pays for the kinds of rows that were checked when it was fitted."""
        ...

    @property
    def demonstrations_sha256_(self) -> str:
        """The hash of the demonstrations that it was fitted to."""
        ...

    @property
    def config(self) -> EstimatorSettings:
        """The settings, which say what the reward looks at."""
        ...

    @property
    def horizon(self) -> int | None:
        """The number of steps over which returns count, where demonstrations end in terminal states."""
        ...

    @property
    def climbs(self) -> bool:
        """Whether the reward climbs a way from a beginner to the expert (``rexd.reward.estimator.way``)."""
        ...

    @property
    def at_goal(self) -> bool:
        """Whether the reward pays for being at a goal, where the expert stays: to stand there is what is wanted."""
        ...

    def novelty_of(self, rows: Rows) -> Float32:
        """Return the novelty of each row: (batch,)."""
        ...

    def reward_of_novelty(self, novelty: Float32) -> Float32:
        """Return the reward of each novelty, wherever a row lies: (batch,) -> (batch,) in [0, 1]."""
        ...

    def paid(self, rows: Rows, novelty: Float32) -> Float32:
        """Return the reward of rows whose novelty (batch,) is known: (batch,) in [0, 1]."""
        ...


@dataclass(frozen=True, eq=False)
class Probe:
    """Rows of one kind, in the order in which they happened.

    Attributes:
        name: The kind of rows.
        rows: The rows.
    """

    name: str
    rows: Rows

    @classmethod
    def of_episodes(cls, name: str, episodes: Sequence[Trajectory]) -> Probe:
        """Take rows of episodes evenly."""
        return cls(name, evenly(Rows.joined([Rows.of_trajectory(episode) for episode in episodes])))


def evenly(rows: Rows, most: int = MOST_ROWS) -> Rows:
    """Return at most ``most`` rows, evenly spaced and in order."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
