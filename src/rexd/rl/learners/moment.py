"""What a learner of either library is in the middle of: its generators, and the episodes under way.

With it, a run that was killed and resumed from a checkpoint is the run that was never killed, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, unwrap_vec_wrapper

from rexd.errors import RunError
from rexd.rl.wrappers.episode_memory import EpisodeMemory, as_bytes, from_bytes, generator_of, set_generator
from rexd.rl.wrappers.reward_vec_env import RewardVecEnv

PREFIX = "resume."  # of the names of the arrays


def moment_of(model: BaseAlgorithm) -> dict[str, NDArray[Any]]:
    """Return the generators, and the episodes where they can be played again, as arrays."""
    words, key, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002  # SB3 draws from it
    batches = getattr(model, "batch_rng", None)
    found: dict[str, NDArray[Any]] = {
        "torch": torch.get_rng_state().numpy().copy(),
        "numpy": np.array(key),
        "generators": as_bytes(
            {
                "numpy": [words, int(position), int(has_gauss), float(gauss)],
                "actions": generator_of(model.action_space),
                "batches": None if batches is None else batches.bit_generator.state,
            }
        ),
    }
    episodes = [memory.remembered() for memory in _memories(model)]
    if episodes and all(episodes) and isinstance(model._last_obs, np.ndarray):
        found |= {f"episode.{k}.{name}": array for k, each in enumerate(episodes) for name, array in each.items()}
        found |= {"seen": model._last_obs.copy(), "starts": np.array(model._last_episode_starts)}
        scorer = unwrap_vec_wrapper(_env(model), RewardVecEnv)
        if scorer is not None and scorer._before is not None:
            found |= {"before": scorer._before.copy(), "steps": scorer._steps.copy(), "returns": scorer._returns.copy()}
    return {f"{PREFIX}{name}": array for name, array in found.items()}


def play_again(model: BaseAlgorithm, state: Mapping[str, NDArray[Any]]) -> bool:
    """Play the episodes of a model that was just built up to where ``moment_of`` found them.

    Returns:
        Whether they go on. Else new ones begin: the checkpoint is of an earlier version, or the environment is shared,
        or does not play an episode again as it was.

    Raises:
        RunError: The state is damaged.
    """
    found, memories = _found(state), _memories(model)
    if "seen" not in found or not memories:
        return False
    episodes = [
        {name.removeprefix(f"episode.{k}."): found[name] for name in found if name.startswith(f"episode.{k}.")}
        for k in range(len(memories))
    ]
    if not all(memory.play_again(saved) for memory, saved in zip(memories, episodes, strict=True)):
        return False
    with _naming_damage():
        model._last_obs, model._last_episode_starts = found["seen"].copy(), found["starts"].copy()
        scorer = unwrap_vec_wrapper(_env(model), RewardVecEnv)
        if scorer is not None:
            scorer._before = found["before"].copy()
            scorer._steps[:], scorer._returns[:] = found["steps"], found["returns"]
    return True


def restore_generators(model: BaseAlgorithm, state: Mapping[str, NDArray[Any]]) -> bool:
    """Put the generators where ``moment_of`` found them; return False for a checkpoint that has none.

    Raises:
        RunError: The state is damaged.
    """
    found = _found(state)
    if "generators" not in found:
        return False
    with _naming_damage():
        generators = from_bytes(found["generators"])
        words, position, has_gauss, gauss = generators["numpy"]
        np.random.set_state((words, found["numpy"], position, has_gauss, gauss))  # noqa: NPY002
        if generators["actions"] is not None:
            set_generator(model.action_space, generators["actions"])
        if generators["batches"] is not None:
            model.batch_rng.bit_generator.state = generators["batches"]  # type: ignore[attr-defined]
        torch.set_rng_state(torch.from_numpy(found["torch"].copy()))
    return True


def _found(state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(PREFIX): array for name, array in state.items() if name.startswith(PREFIX)}


@contextmanager
def _naming_damage() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RunError(f"checkpoint: damaged generators or episodes ({error!r}); delete it to start anew") from error


def _env(model: BaseAlgorithm) -> VecEnv:
    env = model.get_env()
    assert env is not None
    return env


def _memories(model: BaseAlgorithm) -> list[EpisodeMemory]:
    """Return what remembers the episode of each environment; none where the learner's was made without."""
    inner = model.get_env()
    while isinstance(inner, VecEnvWrapper):
        inner = inner.venv
    envs = getattr(inner, "envs", [])
    return list(envs) if all(isinstance(env, EpisodeMemory) for env in envs) else []
