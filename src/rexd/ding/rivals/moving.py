"""What rewards that move while the agent learns share: they keep the agent's rows, and learn from them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor

from rexd.ding.expert import as_tensors, check_rows
from rexd.ding.red import RedRewardModel
from rexd.ding.rows import gather


class MovingRewardModel(RedRewardModel):
    """A reward that is learnt from the agent's rows too, which ``collect_data`` keeps until ``clear_data``.

    Attributes:
        loss_name: The name of its loss in the log.
    """

    loss_name: ClassVar[str]

    def train(self) -> None:
        """Fit RED to the expert's rows, if it is a part and not fitted yet; then learn from the agent's, if any."""
        if self.calibrated is not None and not self.calibrated.fitted:
            self._fit()
        if not self.collected_data:
            return
        losses = self._learn()
        if self.tb_logger is not None:
            for step, loss in enumerate(losses, self.train_iter):
                self.tb_logger.add_scalar(f"reward_model/{self.loss_name}", loss, step)
        self.train_iter += self._updates()
        self.train_once_flag = True

    @abstractmethod
    def _learn(self) -> list[float]:
        """Learn from the agent's rows that were collected, and return the losses."""

    def collect_data(self, data: Any) -> None:
        """Keep the agent's transitions.

        Raises:
            DemonstrationError: A transition lacks a key, or is not finite; none of ``data`` is kept.
            SpaceMismatchError: The columns are not those of the expert's data; none of ``data`` is kept.
        """
        kept = as_tensors([{key: row[key] for key in ("obs", "action", "done") if key in row} for row in data])
        if kept:
            check_rows(kept, "collect_data")
            self._rows(kept)
            self.collected_data += kept

    def _fit(self) -> list[float]:
        collected, self.collected_data = self.collected_data, []  # the agent's rows are no part of the support
        try:
            return super()._fit()
        finally:
            self.collected_data = collected

    def _is_calibrated(self) -> bool:
        return True  # discrete actions are one-hot, as there

    def _rows(self, rows: Any) -> Tensor:
        return self._columns.join(gather(rows, "obs"), gather(rows, "action")).float()
