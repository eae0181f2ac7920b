"""RED's rivals with DI-engine's interface: ``type`` of a config names one, as ``rexd fit --type`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

from rexd.ding.base import REWARD_MODEL_REGISTRY
from rexd.ding.config import Config
from rexd.ding.presets import UNSET, in_use
from rexd.ding.red import RedRewardModel
from rexd.errors import RexdError
from rexd.reward.choices import ESTIMATORS
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.registry import estimator, settings_class

_SHARED: dict[str, Any] = {
    "expert_data_path": "expert_data.pkl",
    "sample_size": None,
    "clear_buffer_per_iters": 1,
    "input_size": None,
}
_NOT_HERE = ("type", "inputs", "clock", "seed")  # rows of this interface know no time and no next state


class RivalRewardModel(RedRewardModel):
    """A rival of RED, fitted once to the expert's transitions.

    The settings are those of the estimator (docs/rivals.md) and, of ``RedRewardModel``, the ones about data:
    ``expert_data_path``, ``sample_size``, ``input_size``, ``action_shape``, ``continual``, ``expert_filter``,
    ``inplace``, ``clear_buffer_per_iters``, ``exp_name`` and ``seed``. Methods and attributes are those of
    ``RedRewardModel``; ``calibrated`` is the estimator.
    """

    config: ClassVar[dict[str, Any]] = {"type": "nearest-neighbour", **_SHARED}

    def train(self) -> None:
        """Fit the estimator; a second call changes nothing, unless there are new rows (``continual``)."""
        if not self.train_once_flag or self.cfg.get("continual"):
            super().train()

    def _complete(self, config: Mapping[str, Any]) -> Config:
        """Return the settings in use; one that has no effect is named in a ``UserWarning``."""
        cfg = in_use(self.config, config, {*self.config, *UNSET})
        self._settings(cfg, 0)  # checks the others
        return cfg

    def _is_calibrated(self) -> bool:
        return True

    def _estimator(self) -> Estimator:
        return estimator(self._settings(self.cfg, self.seed))

    def _updates(self) -> int:
        return int(self.cfg.get("updates", 1))

    def _settings(self, cfg: Config, seed: int) -> EstimatorSettings:
        kind = settings_class(self.config["type"])
        own = {item.name: cfg[item.name] for item in fields(kind) if item.name not in _NOT_HERE}
        return kind.from_dict({**own, "clock": False, "seed": seed})


def _refused(name: str) -> Any:
    """Return what refuses a reward that depends on the order of rows, which this interface does not keep."""

    def refuse(config: Mapping[str, Any], device: str = "cpu", tb_logger: Any = None) -> None:
        raise RexdError(
            f"the reward of type {name!r} depends on the rows before a row in its episode, and estimate is given "
            "batches in any order; expected a type whose reward is that of a row alone. Pay it where rows are "
            f"collected: rexd.rl.RewardVecEnv(envs, rexd.make_reward({name!r}).fit(demonstrations)), or rexd train "
            f"--reward.type {name}"
        )

    return refuse


def _register(name: str) -> None:
    kind = settings_class(name)
    if kind.stateful:
        REWARD_MODEL_REGISTRY.register(name, _refused(name))
        return
    defaults = {item.name: item.default for item in fields(kind) if item.name not in _NOT_HERE}
    config = {"type": name, **_SHARED, **defaults}
    REWARD_MODEL_REGISTRY.register(name, type("RivalRewardModel", (RivalRewardModel,), {"config": config}))


RIVALS = tuple(name for name in ESTIMATORS if name != "red")
for _name in RIVALS:
    _register(_name)
