"""Fitting a reward with its environment at hand, so that more can be checked before a policy is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
from gymnasium.spaces import Box, Space

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count
from rexd.demos.trajectory import Trajectory
from rexd.envs.velocity_columns import velocity_columns
from rexd.evaluation.policies import RandomPolicy, ZeroPolicy
from rexd.evaluation.rollouts import PolicyLike, rollout
from rexd.progress import Progress
from rexd.reward.checks import CLONE, RANDOM_POLICY, ZERO_ACTIONS, Check
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.registry import estimator
from rexd.reward.rows import Rows
from rexd.rl.policies.cloning import Cloning

EPISODES = 3
BEGINNER_EPISODES = 10
BEGINNER_UPDATES = 1000  # which take a second or two
Episodes = dict[str, list[Trajectory]]
"""The episodes of policies, by their names."""


@dataclass(frozen=True, eq=False)
class Played:
    """What was played in the environment before any learning.

    Attributes:
        episodes: The episodes of each policy; the clone's are missing where there are no actions.
        velocities: Observation columns that are velocities, where they are known.
        cloning: The clone, whose fit the start of the learning goes on with; None where there is none.
    """

    episodes: Episodes
    velocities: Sequence[int] | None
    cloning: Cloning | None = None

    @property
    def beginner(self) -> Rows | None:
        """The rows of the clone, by which a reward's scale is set; None without a clone."""
        return self._rows_of(CLONE)

    @property
    def random_play(self) -> Rows | None:
        """The rows of random actions, to which a reward's scale may have to reach; None if they were not played."""
        return self._rows_of(RANDOM_POLICY)

    def _rows_of(self, name: str) -> Rows | None:
        return _rows(self.episodes[name]) if name in self.episodes else None


class Examine(Protocol):
    """Judges a reward before any reinforcement learning."""

    def __call__(self, model: Estimator, demonstrations: Demonstrations, played: Played | None, /) -> bool:
        """Return whether the run goes on.

        Args:
            model: The reward.
            demonstrations: What the run learns from, in memory.
            played: What the fit played in the environment; None where the reward was fitted before.
        """


def fit_in_environment(
    config: EstimatorSettings,
    demonstrations: Demonstrations,
    make_env: Callable[[], gymnasium.Env[Any, Any]],
    progress: Progress | None = None,
    velocities: Sequence[int] | None = None,
) -> tuple[Estimator, Played]:
    """Fit a reward on a scale that reaches its beginner, search the worst standstill, and score ignorant policies.

    The beginner is the clone of the demonstrations. Its episodes, like those of the checks, do not count as steps of
    the learner.

    Args:
        config: Settings of the reward.
        demonstrations: Demonstrations that fit the environment's spaces.
        make_env: Makes the environment, whose episodes must end; its own reward is not looked at.
        progress: Called with the number of updates done and in all.
        velocities: Observation columns that are velocities; None asks the simulator for them.

    Returns:
        The reward, and the episodes of the clone, of random actions and of zero actions.
    """
    env = make_env()
    try:
        space = env.action_space
        RandomPolicy(space, config.seed)  # refuses actions without bounds before the fit, not after it
        velocities = velocity_columns(env) if velocities is None else velocities
    finally:
        env.close()
    paper = config.recipe == "paper"
    cloning = None if paper else beginner_cloning(demonstrations, space, config.seed)
    cloned = {} if cloning is None else beginner_episodes(cloning, make_env)
    ignorant = ignorant_episodes(make_env, space, config.seed)
    played = Played({**ignorant, **cloned}, velocities, cloning)
    model = estimator(config).fit(
        demonstrations,
        progress,
        velocity_columns=velocities,
        beginner=played.beginner,
        random_play=played.random_play,
    )
    for name, episodes in {**cloned, **ignorant}.items():
        rows = _rows(episodes)
        novelty = model.novelty_of(rows)
        model.add_checks([Check.of(name, novelty, model.paid(rows, novelty))])
    return model, played


def beginner_episodes(cloning: Cloning, make_env: Callable[[], gymnasium.Env[Any, Any]]) -> Episodes:
    """Play the clone of the demonstrations, after the first of its updates."""
    policy = cloning.policy(BEGINNER_UPDATES)
    return {CLONE: rollout(make_env, policy, BEGINNER_EPISODES, seed=cloning.seed)}


def beginner_cloning(demonstrations: Demonstrations, space: Space[Any], seed: int) -> Cloning | None:
    """Begin to clone the demonstrations for an environment's action space; None without actions, or with images."""
    if not demonstrations.has_actions or demonstrations.image:
        return None
    bounds = (space.low, space.high) if isinstance(space, Box) else action_count(space, "the environment")
    assert bounds is not None  # a space that is no Box has a number of actions, or was refused
    return Cloning(demonstrations, action_space=bounds, seed=seed)


def ignorant_episodes(make_env: Callable[[], gymnasium.Env[Any, Any]], space: Space[Any], seed: int) -> Episodes:
    """Play a few episodes of random actions and of zero actions."""
    policies: dict[str, PolicyLike] = {RANDOM_POLICY: RandomPolicy(space, seed)}
    if isinstance(space, Box):
        policies[ZERO_ACTIONS] = ZeroPolicy(space)
    return {name: rollout(make_env, policy, EPISODES, seed=seed) for name, policy in policies.items()}


def _rows(episodes: Sequence[Trajectory]) -> Rows:
    return Rows.joined([Rows.of_trajectory(episode) for episode in episodes])
