"""DI-engine's module ``ding.reward_model.red_irl_model``: the names that code imports from it."""

from rexd.ding.red import RedRewardModel
from rexd.ding.senet import SENet

__all__ = ["RedRewardModel", "SENet"]
