"""What a run shows in TensorBoard: settings, metrics, speed, losses between evaluations, and the replayed rewards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from torch.utils.tensorboard import SummaryWriter

from rexd.rl.config import TrainConfig
from rexd.rl.learners.protocol import State

LOSSES_EVERY = 500  # steps
BINS = 50
LOSS = "loss/"  # in front of the name of a loss, as in the metrics


class Board:
    """Writes what happens in a run for TensorBoard."""

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        """Begin, or go on, in a folder; the settings become a text."""
        self._writer = SummaryWriter(str(folder))
        self._writer.add_text("settings", "```json\n" + json.dumps(config.to_dict(), indent=2) + "\n```")

    def __enter__(self) -> Self:
        """Return the board."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is left."""
        self._writer.close()

    def evaluated(self, record: Mapping[str, Any]) -> None:
        """Show an evaluation: its record in ``metrics.jsonl``."""
        for name, value in record.items():
            if isinstance(value, float):
                self._writer.add_scalar(name, value, record["steps"])

    def replayed(self, state: State, steps: int, steps_per_second: float) -> None:
        """Show what the learner learns from.

        Args:
            state: The learner's state, which may hold the rewards of its replay buffer.
            steps: The number of steps so far.
            steps_per_second: The speed of the training since the last evaluation, without evaluations.
        """
        self._writer.add_scalar("steps_per_second", steps_per_second, steps)
        rewards = state.get("buffer.rewards")
        if rewards is not None and np.isfinite(rewards).any():
            self._writer.add_histogram("replayed_reward", rewards[np.isfinite(rewards)], steps, bins=BINS)

    def losses(self, losses: Mapping[str, Any], steps: int) -> None:
        """Show the losses of an update between two evaluations."""
        for name, value in losses.items():
            self._writer.add_scalar(f"{LOSS}{name}", float(value), steps)


class LossWatch(BaseCallback):
    """Shows the losses of off-policy learners every ``LOSSES_EVERY`` steps.

    JAX computes while Python goes on, and reading a loss waits until it is computed. Losses are therefore only noted
    when they are due, and read when the next ones are noted, by which time they are long since there.
    """

    def __init__(self, board: Board) -> None:
        """Take the board to show the losses on."""
        super().__init__()
        self.board, self._seen = board, 0
        self._noted: tuple[int, Any] | None = None

    def _on_step(self) -> bool:
        if self.num_timesteps // LOSSES_EVERY > self._seen:
            self.show()
            self._seen = self.num_timesteps // LOSSES_EVERY
            self._noted = (self.num_timesteps, getattr(self.model, "losses", None))
        return True

    def show(self, before: float = np.inf) -> None:
        """Show the losses that were noted, if that was before a number of steps."""
        if self._noted is not None and self._noted[1] is not None and self._noted[0] < before:
            self.board.losses(self._noted[1]._asdict(), self._noted[0])
        self._noted = None
