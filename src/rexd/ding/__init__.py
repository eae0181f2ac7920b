"""DI-engine's reward-model interface: code that was written for DI-engine's RED runs after a change of its import.

It needs numpy and torch alone.
"""

from rexd.ding.base import REWARD_MODEL_REGISTRY, BaseRewardModel, create_reward_model, get_reward_model_cls
from rexd.ding.config import Config
from rexd.ding.install import install
from rexd.ding.red import RedRewardModel, RexdRewardModel
from rexd.ding.registry import Registry, RegistryError
from rexd.ding.rivals.adversarial import GailRewardModel, SailRewardModel
from rexd.ding.rivals.coupled import CdredRewardModel
from rexd.ding.rivals.fixed import RivalRewardModel
from rexd.ding.senet import SENet

__all__ = [
    "REWARD_MODEL_REGISTRY",
    "BaseRewardModel",
    "CdredRewardModel",
    "Config",
    "GailRewardModel",
    "RedRewardModel",
    "Registry",
    "RegistryError",
    "RexdRewardModel",
    "RivalRewardModel",
    "SENet",
    "SailRewardModel",
    "create_reward_model",
    "get_reward_model_cls",
    "install",
]
