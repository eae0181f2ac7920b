"""A callback that does something while the learner learns, as soon as it can be done."""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

from rexd.rl.observers.episode_watch import OBSERVE_EVERY


class Whenever(BaseCallback):
    """Looks every few steps whether something is ready, and does then what is to be done."""

    def __init__(self, ready: Callable[[], bool], do: Callable[[], None]) -> None:
        """Take the question and the answer."""
        super().__init__()
        self._ready, self._do = ready, do

    def _on_step(self) -> bool:
        if self.num_timesteps % OBSERVE_EVERY == 0 and self._ready():
            self._do()
        return True
