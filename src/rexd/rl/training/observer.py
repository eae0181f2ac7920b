"""Who watches a training run: the command's progress bar, a notebook, or nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rexd.reward.checks import Check


class Observer(Protocol):
    """Is told what happens, in order; must be quick."""

    def message(self, text: str) -> None:
        """One line for the user: what was done to the data, a warning."""

    def fit(self, done: int, total: int) -> None:
        """Updates of the reward's fit."""

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """What the fitted reward pays, and what is wrong with it."""

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Environment steps done and in all, and the learned return of the latest training episode."""

    def evaluated(self, record: dict[str, Any]) -> None:
        """One evaluation, as written to ``metrics.jsonl``."""


class Silent:
    """An observer that does nothing; also a base for those that watch a part."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def fit(self, done: int, total: int) -> None:
        """Ignore it."""

    def checks(self, checks: Sequence[Check], warnings: Sequence[str]) -> None:
        """Ignore it."""

    def step(self, steps: int, total: int, learned_return: float | None) -> None:
        """Ignore it."""

    def evaluated(self, record: dict[str, Any]) -> None:
        """Ignore it."""
