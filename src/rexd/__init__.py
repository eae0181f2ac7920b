"""Random EXpert Distillation: demonstrations into a reward, and the reward into a policy.

The names below are loaded when they are first used, so that ``import rexd`` is quick and asks for no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rexd.demos import Demonstrations, Trajectory, Transitions
    from rexd.errors import RexdError
    from rexd.reading.bundled import bundled_demonstrations
    from rexd.reading.formats.rexd_npz import save_demonstrations
    from rexd.reading.from_memory import to_demonstrations
    from rexd.reading.load import load_demonstrations
    from rexd.reward.base import RewardModel
    from rexd.reward.files import load_reward
    from rexd.reward.red.config import REDConfig
    from rexd.reward.red.red import RED
    from rexd.rl.config import TrainConfig
    from rexd.rl.policies.policy import load_policy
    from rexd.rl.training.train import train

__version__ = "0.1.0"

__all__ = [
    "RED",
    "Demonstrations",
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
    "save_demonstrations",
    "to_demonstrations",
    "train",
]

# Where each name lives; the same list as the imports above, which only type checkers read.
_HOME = {
    "RED": "rexd.reward.red.red",
    "Demonstrations": "rexd.demos",
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
    "save_demonstrations": "rexd.reading.formats.rexd_npz",
    "to_demonstrations": "rexd.reading.from_memory",
    "train": "rexd.rl.training.train",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'rexd' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names too before they are loaded."""
    return sorted({*globals(), *__all__})
