"""The interface of whatever watches a training run, such as the progress bar of the command or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rexd.reward.checks import Check


class Observer(Protocol):
    """Is told what happens in a run, in order. Its methods must be quick, since the run waits for them."""

    def message(self, text: str) -> None:
        """Take one line for the user, such as a warning or what was done to the data."""

    def fit(self, done: int, total: int) -> None:
        """Take the number of updates of the reward's fit: done so far, and in all."""

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """Take the checks of the fitted reward, and what they warn of."""

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Take how far the training is.

        Args:
            steps: Number of steps done so far.
            total: Number of steps of the run.
            learned_return: Learned return of the latest training episode, None before one has ended. A run that learns
                from the environment's own reward gives the return under that reward.
        """

    def evaluated(self, record: dict[str, Any]) -> None:
        """Take the record of one evaluation, as ``metrics.jsonl`` has it."""


class Silent:
    """An observer that does nothing. It is also a base class for observers that need only some of the methods."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def fit(self, done: int, total: int) -> None:
        """Do nothing."""

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """Do nothing."""

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Do nothing."""

    def evaluated(self, record: dict[str, Any]) -> None:
        """Do nothing."""
