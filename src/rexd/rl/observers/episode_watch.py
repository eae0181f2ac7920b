"""What the training episodes earned, gathered while the learner learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rexd.rl.observers.observer import Observer

OBSERVE_EVERY = 50  # steps


class EpisodeWatch(BaseCallback):
    """Gathers the returns of training episodes, and tells the observer how far the run is."""

    def __init__(self, observer: Observer, total: int, shown: str) -> None:
        """Take the observer, the steps of the run, and the name in ``info`` of the return that the observer is told."""
        super().__init__()
        self.observer, self.total, self.shown = observer, total, shown
        self.ended: list[dict[str, Any]] = []  # infos: a learned return comes into them when its rewards are settled
        self.latest: float | None = None

    def _on_step(self) -> bool:
        self.ended += [self.locals["infos"][k] for k in np.flatnonzero(self.locals["dones"])]
        if self.num_timesteps % OBSERVE_EVERY == 0:
            self.latest = next(reversed(self._returns(self.shown)), self.latest)
            self.observer.step(self.num_timesteps, self.total, self.latest)
        return True

    def recent(self) -> dict[str, float | None]:
        """Return the mean returns of the training episodes since the last call."""
        learned, true = self._returns("learned_episode"), self._returns("true_episode")
        self.ended = []
        return {
            "training_learned_return": float(np.mean(learned)) if learned else None,
            "training_true_return": float(np.mean(true)) if true else None,
        }

    def _returns(self, name: str) -> list[float]:
        return [info[name]["r"] for info in self.ended if name in info]
