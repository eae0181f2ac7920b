"""The environment as the learner sees it: the learned reward in place of the true one, and scaled observations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from rexd.envs.hidden_reward import HiddenReward, RecordedReturn
from rexd.envs.make import Env
from rexd.reward.base import RewardModel
from rexd.rl.wrappers.absorbing import AbsorbingStates
from rexd.rl.wrappers.block_rewards import BlockRewardVecEnv
from rexd.rl.wrappers.episode_memory import EpisodeMemory
from rexd.rl.wrappers.reward_vec_env import RewardVecEnv
from rexd.rl.wrappers.scaling import ObservationScale


class StandardisedVecEnv(VecEnvWrapper):
    """Gives observations on the scale of the demonstrations, terminal observations included."""

    def __init__(self, venv: VecEnv, scale: ObservationScale) -> None:
        """Wrap ``venv``."""
        shape = venv.observation_space.shape
        super().__init__(venv, observation_space=Box(-np.inf, np.inf, shape, np.float32))
        self.scale = scale

    def reset(self) -> Any:
        """Reset all environments."""
        return self.scale.apply(np.asarray(self.venv.reset()))

    def step_wait(self) -> tuple[Any, NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Wait for the step, and scale what it returns."""
        observations, rewards, dones, infos = self.venv.step_wait()
        for k in np.flatnonzero(dones):
            infos[k]["terminal_observation"] = self.scale.apply(infos[k]["terminal_observation"])
        return self.scale.apply(np.asarray(observations)), rewards, dones, infos


def training_environment(
    make_env: Callable[[], Env],
    reward: RewardModel | None,
    scale: ObservationScale,
    *,
    absorbing: bool,
    discount: float | None = None,
    in_blocks: bool = False,
    copies: int = 1,
    episode_steps: int | None = None,
) -> VecEnv:
    """Wrap an environment for a learner.

    Args:
        make_env: Makes the environment.
        reward: Replaces the environment's reward, which ``HiddenReward`` keeps away from the learner. None lets the
            environment's reward through (``reward_source="env"``).
        scale: Standardises the observations.
        absorbing: Whether episodes continue in an absorbing state after a terminal one.
        discount: γ of a learner that takes rewards as they are paid, for the worth of terminal states. A learner that
            draws batches (``rexd.rl.replay``) counts that itself.
        in_blocks: Whether the learner is a ``BlockRewardLearner``, which asks for rewards when it needs them.
        copies: The number of environments that are stepped together.
        episode_steps: The number of steps after which an episode is cut; None leaves it to the environment.
    """

    def make() -> Env:
        played = make_env() if episode_steps is None else TimeLimit(make_env(), episode_steps)
        made: Env = RecordedReturn(played) if reward is None else HiddenReward(played)
        return EpisodeMemory(AbsorbingStates(made) if absorbing else made)

    venv: VecEnv = DummyVecEnv([make] * copies)
    if reward is not None:
        venv = BlockRewardVecEnv(venv, reward) if in_blocks else RewardVecEnv(venv, reward, discount=discount)
    return StandardisedVecEnv(venv, scale)
