"""Probes that an environment gives: episodes of policies that know nothing, of the clone, and of clones with noise.

They are what a learner meets first. None of their steps counts as one of the learner's, and the environment's own
reward is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Space

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.diagnosis.probe import Probe
from rexd.envs.make import Env
from rexd.envs.spaces import clip_actions
from rexd.envs.velocity_columns import velocity_columns
from rexd.evaluation.policies import RandomPolicy, ZeroPolicy
from rexd.evaluation.rollouts import PolicyLike, rollout
from rexd.reward.checks import CLONE, RANDOM_POLICY, ZERO_ACTIONS
from rexd.rl.training.reward_in_env import BEGINNER_EPISODES, BEGINNER_UPDATES, EPISODES, Played, beginner_cloning

NOISE = (0.1, 0.3, 1.0)
NOISY_EPISODES = 2  # of each
Step = Callable[[str, int, int], None]
"""A function that is called with what is being done, how much of it is done, and how much there is in all."""


def noisy_clone(size: float) -> str:
    """Name the clone whose actions have noise of this size."""
    return f"clone with action noise {size:g}"


def probes_of(played: Played) -> list[Probe]:
    """Return the rows of each policy."""
    return [Probe.of_episodes(name, episodes) for name, episodes in played.episodes.items()]


def play(
    demonstrations: Demonstrations | None,
    make_env: Callable[[], Env],
    seed: int,
    step: Step = lambda doing, done, total: None,
) -> Played:
    """Play the policies that learning may begin with.

    Args:
        demonstrations: What the clone imitates; None plays the policies that know nothing alone.
        make_env: Makes the environment, whose episodes must end.
        seed: Seed of the clone, of the episodes and of all noise.
        step: Called with the progress.

    Raises:
        SpaceMismatchError: The environment has actions without bounds.
    """
    env = make_env()
    try:
        space = env.action_space
        policies: dict[str, tuple[PolicyLike, int]] = {RANDOM_POLICY: (RandomPolicy(space, seed), EPISODES)}
        velocities = velocity_columns(env)
    finally:
        env.close()
    if isinstance(space, Box):
        policies[ZERO_ACTIONS] = (ZeroPolicy(space), EPISODES)
    step("cloning the demonstrations", 0, 1)
    cloning = None if demonstrations is None else beginner_cloning(demonstrations, space, seed)
    if cloning is not None:
        clone = cloning.policy(BEGINNER_UPDATES)
        policies[CLONE] = (clone, BEGINNER_EPISODES)
        for size in NOISE:
            policies[noisy_clone(size)] = (NoisyPolicy(clone, space, size, seed), NOISY_EPISODES)
    episodes = {}
    for number, (name, (policy, count)) in enumerate(policies.items()):
        step(f"playing: {name}", number, len(policies))
        episodes[name] = rollout(make_env, policy, count, seed=seed)
    return Played(episodes, velocities)


class NoisyPolicy:
    """A policy whose actions are disturbed.

    Actions of a Box get Gaussian noise of ``size`` times half their range; of discrete actions this share is drawn
    uniformly instead.
    """

    def __init__(self, policy: PolicyLike, action_space: Space[Any], size: float, seed: int) -> None:
        """Disturb the actions of ``policy``."""
        self._policy, self._space, self._size = policy, action_space, size
        self._uniform = RandomPolicy(action_space, seed)
        self._random = np.random.default_rng(seed)

    def predict(self, observation: Array, deterministic: bool = True) -> tuple[Array, None]:
        """Return disturbed actions for observations (n, D)."""
        actions, _ = self._policy.predict(observation, deterministic=deterministic)
        if isinstance(self._space, Box):
            half = self._size * (self._space.high - self._space.low) / 2
            return clip_actions(self._space, actions + half * self._random.normal(size=actions.shape)), None
        drawn, _ = self._uniform.predict(observation)
        replaced = self._random.random(len(actions)) < self._size
        return np.where(replaced.reshape(-1, *[1] * (actions.ndim - 1)), drawn, actions), None
