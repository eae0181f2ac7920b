"""Absorbing states: what comes after a terminal state, as a state that a reward can be learnt for.

Without them, the end of an episode is worth 0 to the learner whatever the reward model says, so that a reward that is
always positive favours staying alive, and one that is always negative favours ending (Kostrikov et al. 2019,
"Discriminator-Actor-Critic", arXiv 1809.02925). With them, the step into a terminal state leads to a state of zeros
with an indicator of 1. That state leads to itself, whatever the action, until the time limit. The indicator is 0 in all
other states. Environment and demonstrations have to be changed together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.envs.spaces import check_spaces
from rexd.envs.time_limit import known_limit
from rexd.errors import TaskError

Array = NDArray[Any]


class AbsorbingStates(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Appends an indicator to observations, and continues in an absorbing state after a terminal one.

    Episodes end by truncation alone. The step that reaches a terminal state returns the absorbing state in its place,
    as in the authors' code. The reward is 0 in the absorbing state, so ``RewardWrapper`` belongs outside this wrapper.

    The demonstrations hold action 0 in the absorbing state (``add_absorbing``), while a policy may do anything there.
    A learner that keeps its own replay buffer should store action 0 for those rows, as the authors do. Otherwise the
    policy has to learn to act 0 there before it is paid.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], max_episode_steps: int | None = None) -> None:
        """Wrap ``env``.

        Args:
            env: An environment whose observations are vectors.
            max_episode_steps: The number of steps of an episode, absorbing ones included; None takes the time limit
                of the environment.

        Raises:
            TaskError: There is no time limit, so that an episode would never end.
            SpaceMismatchError: The spaces of ``env`` are not supported.
        """
        super().__init__(env)
        check_spaces(env.observation_space, env.action_space)
        limit = known_limit(env) if max_episode_steps is None else max_episode_steps
        if limit is None or limit < 1:
            raise TaskError(
                f"absorbing states need a time limit of 1 or more steps; found {limit}. Pass max_episode_steps"
            )
        space = env.observation_space
        assert isinstance(space, Box)
        self.observation_space = Box(
            np.append(space.low, 0).astype(space.dtype), np.append(space.high, 1).astype(space.dtype), dtype=space.dtype
        )
        self.max_episode_steps = limit
        self._absorbing: Array = np.append(np.zeros(space.shape), 1).astype(space.dtype)  # (D + 1,)
        self._steps, self._absorbed = 0, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode, with indicator 0."""
        self._steps, self._absorbed = 0, False
        observation, info = self.env.reset(seed=seed, options=options)
        return self._alive(observation), info

    def step(self, action: Any) -> tuple[Array, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the environment or stay in the absorbing state; ``terminated`` is always false."""
        reward: SupportsFloat = 0.0
        truncated = False
        info: dict[str, Any] = {}
        if not self._absorbed:
            observation, reward, self._absorbed, truncated, info = self.env.step(action)
        self._steps += 1
        following = self._absorbing.copy() if self._absorbed else self._alive(observation)
        return following, reward, False, bool(truncated) or self._steps >= self.max_episode_steps, info

    def _alive(self, observation: Any) -> Array:
        return np.append(observation, 0).astype(self._absorbing.dtype)


def add_absorbing(demos: Demonstrations) -> Demonstrations:
    """Append the indicator to demonstrations, and an absorbing step to those that reach a terminal state.

    The row that reached a terminal state leads to the absorbing state instead, and one row from the absorbing state
    to itself with action 0 is appended (Kostrikov et al. 2019). No row is terminated any more; the
    appended one is truncated. Add absorbing states before ``subsample``, which may drop the terminal row.

    Args:
        demos: Observations (T, D) in each trajectory.

    Returns:
        Observations (T, D + 1), or (T + 1, D + 1) where a trajectory's last row is terminated.
    """
    return replace(
        demos,
        trajectories=tuple(_absorb(t) for t in demos.trajectories),
        unused=tuple(_absorb(t) for t in demos.unused),
        column_names=(*demos.column_names, "absorbing") if demos.column_names else (),
        notes=(*demos.notes, "added absorbing states after terminal ones, and a column that marks them"),
    )


def _absorb(t: Trajectory) -> Trajectory:
    observations, following = _with_indicator(t.observations), _with_indicator(t.next_observations)
    if not t.terminated[-1]:
        return replace(t, observations=observations, next_observations=following)
    absorbing = np.zeros((1, observations.shape[1]), observations.dtype)
    absorbing[0, -1] = 1
    known = t.next_known.copy()
    known[-1] = True  # what follows a terminal state is known even where the state itself was not recorded
    nothing = np.zeros(len(t), bool)
    return Trajectory(
        observations=np.concatenate([observations, absorbing]),
        actions=np.concatenate([t.actions, np.zeros_like(t.actions[:1])]),
        next_observations=np.concatenate([following[:-1], absorbing, absorbing]),
        terminated=np.append(nothing, False),
        truncated=np.append(nothing, True),
        next_known=np.append(known, True),
        rewards=None if t.rewards is None else np.append(t.rewards, np.zeros(1, t.rewards.dtype)),
        steps=np.append(t.steps, t.steps[-1] + 1),
    )


def _with_indicator(observations: Array) -> Array:
    return np.concatenate([observations, np.zeros((len(observations), 1), observations.dtype)], axis=1)
