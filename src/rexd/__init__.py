"""Random EXpert Distillation: demonstrations into a reward, and the reward into a policy.

The names below are loaded when they are first used, so that ``import rexd`` is quick and needs no extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rexd.lazy import lazy_names

if TYPE_CHECKING:
    from rexd.demos import Demonstrations, Trajectory, Transitions
    from rexd.demos.goals import Goals
    from rexd.errors import RexdError
    from rexd.reading.bundled import bundled_demonstrations
    from rexd.reading.formats.rexd_npz import save_demonstrations
    from rexd.reading.from_memory import to_demonstrations
    from rexd.reading.load import load_demonstrations
    from rexd.reward.base import RewardModel
    from rexd.reward.files import load_reward
    from rexd.reward.red.config import REDConfig
    from rexd.reward.red.red import RED
    from rexd.reward.registry import make_reward
    from rexd.rl.config import TrainConfig
    from rexd.rl.policies.policy import load_policy
    from rexd.rl.training.train import train

__version__ = "0.1.0"

__all__ = [
    "RED",
    "Demonstrations",
    "Goals",
    "REDConfig",
    "RewardModel",
    "RexdError",
    "TrainConfig",
    "Trajectory",
    "Transitions",
    "__version__",
    "bundled_demonstrations",
    "load_demonstrations",
    "load_policy",
    "load_reward",
    "make_reward",
    "save_demonstrations",
    "to_demonstrations",
    "train",
]

# The module of each name. It repeats the imports above, which only type checkers read.
_HOME = {
    "RED": "rexd.reward.red.red",
    "Demonstrations": "rexd.demos",
    "Goals": "rexd.demos.goals",
    "REDConfig": "rexd.reward.red.config",
    "RewardModel": "rexd.reward.base",
    "RexdError": "rexd.errors",
    "TrainConfig": "rexd.rl.config",
    "Trajectory": "rexd.demos",
    "Transitions": "rexd.demos",
    "bundled_demonstrations": "rexd.reading.bundled",
    "load_demonstrations": "rexd.reading.load",
    "load_policy": "rexd.rl.policies.policy",
    "load_reward": "rexd.reward.files",
    "make_reward": "rexd.reward.registry",
    "save_demonstrations": "rexd.reading.formats.rexd_npz",
    "to_demonstrations": "rexd.reading.from_memory",
    "train": "rexd.rl.training.train",
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
