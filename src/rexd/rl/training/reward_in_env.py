"""Fitting a reward with its environment at hand, so that more can be checked before a policy is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
from gymnasium.spaces import Box, Space

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count
from rexd.envs.velocity_columns import velocity_columns
from rexd.evaluation.policies import RandomPolicy, ZeroPolicy
from rexd.evaluation.rollouts import PolicyLike, rollout
from rexd.progress import Progress
from rexd.reward.checks import CLONE, RANDOM_POLICY, ZERO_ACTIONS, Check
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.registry import estimator
from rexd.reward.rows import Rows
from rexd.rl.policies.cloning import clone
from rexd.rl.policies.policy import Policy

EPISODES = 3
BEGINNER_EPISODES = 10
BEGINNER_UPDATES = 1000  # which take a second or two


def fit_in_environment(
    config: EstimatorSettings,
    demonstrations: Demonstrations,
    make_env: Callable[[], gymnasium.Env[Any, Any]],
    progress: Progress | None = None,
    velocities: Sequence[int] | None = None,
) -> Estimator:
    """Fit a reward on a scale that reaches its beginner, search the worst standstill, and score ignorant policies.

    The beginner is the clone of the demonstrations. Its episodes, like those of the checks, do not count as steps of
    the learner.

    Args:
        config: Settings of the reward.
        demonstrations: Demonstrations that fit the environment's spaces.
        make_env: Makes the environment, whose episodes must end; its own reward is not looked at.
        progress: Called with the number of updates done and in all.
        velocities: Observation columns that are velocities; None asks the simulator for them.
    """
    env = make_env()
    try:
        space = env.action_space
        RandomPolicy(space, config.seed)  # refuses actions without bounds before the fit, not after it
        velocities = velocity_columns(env) if velocities is None else velocities
    finally:
        env.close()
    paper = config.recipe == "paper"
    beginner = None if paper else beginner_rows(demonstrations, make_env, space, config.seed)
    model = estimator(config).fit(demonstrations, progress, velocity_columns=velocities, beginner=beginner)
    if beginner is not None:
        model.add_checks([_check(CLONE, beginner, model)])
    model.add_checks(environment_checks(model, make_env, config.seed))
    return model


def beginner_rows(
    demonstrations: Demonstrations, make_env: Callable[[], gymnasium.Env[Any, Any]], space: Space[Any], seed: int
) -> Rows | None:
    """Play the clone of the demonstrations; None where there are no actions, or images."""
    policy = beginner_policy(demonstrations, space, seed)
    if policy is None:
        return None
    episodes = rollout(make_env, policy, BEGINNER_EPISODES, seed=seed)
    return Rows.joined([Rows.of_trajectory(episode) for episode in episodes])


def beginner_policy(demonstrations: Demonstrations, space: Space[Any], seed: int) -> Policy | None:
    """Clone the demonstrations for an environment's action space; None where there are no actions, or images."""
    if not demonstrations.has_actions or demonstrations.image:
        return None
    bounds = (space.low, space.high) if isinstance(space, Box) else action_count(space, "the environment")
    assert bounds is not None  # a space that is no Box has a number of actions, or was refused
    return clone(demonstrations, action_space=bounds, seed=seed, updates=BEGINNER_UPDATES)


def environment_checks(
    model: Estimator, make_env: Callable[[], gymnasium.Env[Any, Any]], seed: int
) -> tuple[Check, ...]:
    """Score a few episodes of random actions and of zero actions, which do not count as steps of the learner."""
    env = make_env()
    space = env.action_space
    env.close()
    policies: dict[str, PolicyLike] = {RANDOM_POLICY: RandomPolicy(space, seed)}
    if isinstance(space, Box):
        policies[ZERO_ACTIONS] = ZeroPolicy(space)
    checks = []
    for name, policy in policies.items():
        episodes = rollout(make_env, policy, EPISODES, seed=seed)
        checks.append(_check(name, Rows.joined([Rows.of_trajectory(episode) for episode in episodes]), model))
    return tuple(checks)


def _check(name: str, rows: Rows, model: Estimator) -> Check:
    novelty = model.novelty_of(rows)
    return Check.of(name, novelty, model.paid(rows, novelty))
