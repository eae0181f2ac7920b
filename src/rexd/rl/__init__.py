"""Environments with a learnt reward, and policies trained on it.

The names below are loaded when they are first used, so that ``import rexd.rl`` needs no extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rexd.lazy import lazy_names

if TYPE_CHECKING:
    from rexd.rl.callbacks.reward_model import RewardModelCallback
    from rexd.rl.wrappers.absorbing import AbsorbingStates, add_absorbing
    from rexd.rl.wrappers.reward_vec_env import RewardVecEnv
    from rexd.rl.wrappers.reward_vector_wrapper import RewardVectorWrapper
    from rexd.rl.wrappers.reward_wrapper import RewardWrapper

__all__ = [
    "AbsorbingStates",
    "RewardModelCallback",
    "RewardVecEnv",
    "RewardVectorWrapper",
    "RewardWrapper",
    "add_absorbing",
]

# The module of each name, and the package that this module needs.
_HOME = {
    "AbsorbingStates": ("rexd.rl.wrappers.absorbing", "gymnasium"),
    "RewardModelCallback": ("rexd.rl.callbacks.reward_model", "stable_baselines3"),
    "RewardVecEnv": ("rexd.rl.wrappers.reward_vec_env", "stable_baselines3"),
    "RewardVectorWrapper": ("rexd.rl.wrappers.reward_vector_wrapper", "gymnasium"),
    "RewardWrapper": ("rexd.rl.wrappers.reward_wrapper", "gymnasium"),
    "add_absorbing": ("rexd.rl.wrappers.absorbing", "gymnasium"),
}

__getattr__, __dir__ = lazy_names(__name__, _HOME)
