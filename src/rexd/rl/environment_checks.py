"""What a reward pays in the environment for policies that know nothing: random actions, and none at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from rexd.evaluation.policies import RandomPolicy, ZeroPolicy
from rexd.evaluation.rollouts import PolicyLike, rollout
from rexd.reward.checks import RANDOM_POLICY, ZERO_ACTIONS, Check
from rexd.reward.red import RED

EPISODES = 3


def environment_checks(model: RED, make_env: Callable[[], gymnasium.Env[Any, Any]], seed: int) -> tuple[Check, ...]:
    """Score a few episodes of each; not counted as the learner's steps, and their true reward is not looked at."""
    env = make_env()
    space = env.action_space
    env.close()
    policies: dict[str, PolicyLike] = {RANDOM_POLICY: RandomPolicy(space, seed)}
    if isinstance(space, Box):
        policies[ZERO_ACTIONS] = ZeroPolicy(space)
    checks = []
    for name, policy in policies.items():
        episodes = rollout(make_env, policy, EPISODES, seed=seed)
        scores = [model.novelty(e.observations, e.actions, e.next_observations) for e in episodes]
        checks.append(Check.of(name, np.concatenate(scores), model))
    return tuple(checks)
