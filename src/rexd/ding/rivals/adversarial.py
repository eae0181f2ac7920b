"""Rewards that move while the agent learns, with DI-engine's interface: GAIL, and RED × GAIL (SAIL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rexd.ding.base import REWARD_MODEL_REGISTRY
from rexd.ding.config import Config
from rexd.ding.presets import UNSET, in_use
from rexd.ding.red import RedRewardModel
from rexd.ding.rivals.discriminator import Discriminator
from rexd.ding.rivals.moving import MovingRewardModel
from rexd.ding.state import check_names, reading_state, rebuild_calibrated
from rexd.errors import RewardFileError, RexdError
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.red.config import REDConfig
from rexd.reward.red.red import RED

_DEFAULTS: dict[str, Any] = {
    "type": "gail",
    "expert_data_path": "expert_data.pkl",
    "sample_size": None,
    "batch_size": 64,
    "hidden_size": 256,
    "update_per_collect": 100,
    "clear_buffer_per_iters": 1,
    "learning_rate": 1e-3,
    "input_size": None,
}


@REWARD_MODEL_REGISTRY.register("gail")
class GailRewardModel(MovingRewardModel):
    """The reward −ln(1 − D) of a discriminator D that learns to tell the expert's rows from the agent's.

    Ho and Ermon 2016, arXiv 1606.03476. ``collect_data`` keeps the agent's rows until ``clear_data``; each ``train``
    makes ``update_per_collect`` updates; before the first, all rows are paid nearly alike. Methods and settings are
    those of ``RedRewardModel`` without σ.

    Attributes:
        discriminator: The network, its optimiser and its scale.
    """

    config: ClassVar[dict[str, Any]] = _DEFAULTS
    loss_name = "discriminator_loss"
    discriminator: Discriminator

    def state_dict(self) -> dict[str, Any]:
        """Return the discriminator and what was counted, as tensors and plain Python types."""
        return {
            "train_once_flag": self.train_once_flag,
            "train_iter": self.train_iter,
            "generator": self._generator.get_state(),
            "discriminator": self.discriminator.state_dict(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what ``state_dict`` returned.

        Raises:
            RewardFileError: The state is damaged, or of another kind of model; the model is unchanged.
        """
        check_names(state_dict, self.state_dict())
        with reading_state():
            flag, count = state_dict["train_once_flag"], state_dict["train_iter"]
            if not isinstance(flag, bool) or not isinstance(count, int) or count < 0:
                raise RewardFileError(
                    f"train_once_flag and train_iter of the state are {flag!r} and {count!r}; expected a bool and a "
                    "count"
                )
            torch.Generator().set_state(state_dict["generator"].cpu())  # raises if it is no state of a generator
            self.discriminator.check(state_dict["discriminator"])
            self.discriminator.load_state_dict(state_dict["discriminator"])
            self._generator.set_state(state_dict["generator"].cpu())
            self.train_once_flag, self.train_iter = flag, count

    def _build(self) -> None:
        self.discriminator = Discriminator(
            self._rows(self.expert_data), self.cfg.hidden_size, self.cfg.learning_rate, self._generator, self.device
        )

    def _complete(self, config: Mapping[str, Any]) -> Config:
        cfg = in_use(self.config, config, {*self.config, *UNSET} - {"continual", "expert_filter"})
        for name in ("batch_size", "hidden_size", "update_per_collect", "learning_rate"):
            if not isinstance(cfg[name], int | float) or not cfg[name] > 0:
                raise RexdError(f"{name} is {cfg[name]!r}; expected a positive number")
        return cfg

    def _learn(self) -> list[float]:
        return self.discriminator.update(
            self._rows(self.collected_data), self.cfg.update_per_collect, self.cfg.batch_size
        )

    def _support(self, obs: Tensor, act: Tensor) -> Tensor:
        return softplus(self.discriminator.logit(self._columns.join(obs, act).float().to(self.device)))


@REWARD_MODEL_REGISTRY.register("sail")
class SailRewardModel(GailRewardModel):
    """RED × GAIL: the discriminator's reward, weighted by the support of the expert's behaviour.

    Wang et al. 2020, "Support-weighted adversarial imitation learning", arXiv 2002.08803. RED is fitted once, by the
    first ``train``; where a row lies off the support, it is paid little however well it fools the discriminator.

    Attributes:
        calibrated: RED, standardised and calibrated, as with ``type: rexd``.
    """

    config: ClassVar[dict[str, Any]] = {**_DEFAULTS, "type": "sail"}

    def state_dict(self) -> dict[str, Any]:
        """Return RED, the discriminator and what was counted."""
        red = self.calibrated
        described = red.describe() if red is not None and red.fitted else None
        return {**super().state_dict(), "calibrated": described}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load what ``state_dict`` returned.

        Raises:
            RewardFileError: The state is damaged, or of another kind of model; the model is unchanged.
        """
        described, red = state_dict.get("calibrated"), self._estimator()
        with reading_state():
            if described is not None:
                red = rebuild_calibrated(described, self._columns, red)
        super().load_state_dict(state_dict)
        self._use(red)

    def _build(self) -> None:
        super()._build()
        self.calibrated = self._estimator()

    def _estimator(self) -> Estimator:
        return RED(REDConfig(clock=False, seed=self.seed))

    def _support(self, obs: Tensor, act: Tensor) -> Tensor:
        # the weights of rows off the support are small, and the discriminator's reward has no bound
        return RedRewardModel._support(self, obs, act) * super()._support(obs, act)
