"""Environments with a learnt reward, and policies trained on it.

The names below are loaded when they are first used, so that ``import rexd.rl`` asks for no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rexd.errors import import_extra

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

# Where each name lives, and the package that it needs.
_HOME = {
    "AbsorbingStates": ("rexd.rl.wrappers.absorbing", "gymnasium"),
    "RewardModelCallback": ("rexd.rl.callbacks.reward_model", "stable_baselines3"),
    "RewardVecEnv": ("rexd.rl.wrappers.reward_vec_env", "stable_baselines3"),
    "RewardVectorWrapper": ("rexd.rl.wrappers.reward_vector_wrapper", "gymnasium"),
    "RewardWrapper": ("rexd.rl.wrappers.reward_wrapper", "gymnasium"),
    "add_absorbing": ("rexd.rl.wrappers.absorbing", "gymnasium"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'rexd.rl' has no attribute '{name}'")
    module, needs = _HOME[name]
    import_extra(needs, "train")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names too before they are loaded."""
    return sorted({*globals(), *__all__})
