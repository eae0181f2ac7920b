"""Rollouts: a policy plays several episodes at a time, and every transition is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import gymnasium
import numpy as np

from rexd.demos.trajectory import Array, Trajectory
from rexd.envs.make import Env, environment_name
from rexd.envs.one_instance import is_shared
from rexd.envs.spaces import check_spaces, clip_actions
from rexd.envs.time_limit import known_limit
from rexd.errors import SpaceMismatchError
from rexd.flattening import is_image


class PolicyLike(Protocol):
    """A policy that can be played: its ``predict`` is that of Stable-Baselines3 policies and algorithms."""

    def predict(self, observation: Array, *, deterministic: bool = True) -> tuple[Array, Any]:
        """Return actions (n, A), or (n,) integers, for observations (n, D), and a state that rexd ignores."""
        ...


def rollout(
    make_env: Callable[[], Env],
    policy: PolicyLike,
    episodes: int,
    *,
    seed: int,
    deterministic: bool = True,
    lockstep: int = 10,
    on_episode: Callable[[int, Trajectory], None] | None = None,
    on_success: Callable[[int, bool], None] | None = None,
) -> list[Trajectory]:
    """Play episodes to their end, and return them in order.

    Up to ``lockstep`` environments step together, with one batched ``predict`` for all. Episode ``i`` is reset with a
    seed that depends on ``(seed, i)`` alone, so that ``lockstep`` changes the speed and not the episodes. This holds
    for policies that treat each row by itself: a policy that draws random numbers draws them in another order, and
    matrix products of another size may be rounded in another way.

    Args:
        make_env: Makes one environment, whose reward is recorded (so not a ``HiddenReward``). Episodes must end by
            themselves or by a time limit.
        policy: Maps observations (n, D) to actions (n, A) or (n,). It is always given ``max(lockstep, 2)`` rows, those
            of idle environments included, so that compiled policies compile once and rounding does not depend on
            ``episodes``.
        episodes: The number of episodes; 1 or more.
        seed: The seed of the episodes; not negative.
        deterministic: Passed to the policy.
        lockstep: The largest number of environments at a time.
        on_episode: Called with the number and the trajectory of each episode as it ends, in the order of the ends.
        on_success: Called likewise with the number of the episode and whether ``info["success"]`` was ever true in it;
            not called for environments whose info has no such key.

    Returns:
        One trajectory for each episode, with the actions as they were carried out (clipped to the action space), the
        true next observations, and the environment's rewards.
    """
    if episodes < 1 or lockstep < 1:
        raise ValueError(f"episodes is {episodes} and lockstep {lockstep}; expected 1 or more of each")
    done: list[Trajectory | None] = [None] * episodes
    envs: list[Env] = []
    try:
        # One by one, so that the first ones are closed if a later one cannot be made.
        for _ in range(min(lockstep, episodes)):
            envs.append(make_env())
            if is_shared(envs[0]):  # all would be the same environment
                break
        check_spaces(envs[0].observation_space, envs[0].action_space, environment_name(envs[0]), images=True)
        # At least two rows: BLAS multiplies a single row by another routine, which rounds in another way.
        for number, trajectory, success in _play(envs, policy, max(lockstep, 2), episodes, seed, deterministic):
            done[number] = trajectory
            if on_episode is not None:
                on_episode(number, trajectory)
            if on_success is not None and success is not None:
                on_success(number, success)
    finally:
        for env in envs:
            env.close()
    return [t for t in done if t is not None]


def episode_seed(seed: int, episode: int) -> int:
    """Return the seed that an episode is reset with, which depends on the two numbers alone."""
    return int(np.random.SeedSequence([seed, episode]).generate_state(1)[0])


def _play(
    envs: list[Env], policy: PolicyLike, batch: int, episodes: int, seed: int, deterministic: bool
) -> Iterator[tuple[int, Trajectory, bool | None]]:
    """Yield the number and the trajectory of each episode as it ends, and whether it was a success."""
    slots = _Slots(envs, batch, capacity=_first_capacity(envs[0]))
    for k in range(len(envs)):
        slots.start(k, k, episode_seed(seed, k))
    upcoming = len(envs)
    while slots.active.any():
        actions, _ = policy.predict(slots.current.copy(), deterministic=deterministic)
        for k in slots.step(actions):
            yield int(slots.episode[k]), slots.trajectory(k), slots.success[k]
            if upcoming < episodes:
                slots.start(k, upcoming, episode_seed(seed, upcoming))
                upcoming += 1


def _first_capacity(env: Env) -> int:
    return min(known_limit(env) or 1000, 1000)


class _Slots:
    """The environments that step together, with preallocated records of their episodes.

    Slot k is one environment and the episode that it plays. The policy is given ``batch`` rows; the rows beyond the n
    environments are idle from the start.
    """

    def __init__(self, envs: list[Env], batch: int, capacity: int) -> None:
        n, space = len(envs), envs[0].observation_space
        kept = np.issubdtype(space.dtype, np.floating) or is_image(space)
        dtype = space.dtype if kept else np.dtype(np.float32)
        self.envs, self.action_space = envs, envs[0].action_space
        discrete = not isinstance(self.action_space, gymnasium.spaces.Box)
        self.action_shape = self.action_space.shape or ()
        self.current = np.zeros((batch, *(space.shape or ())), dtype)  # (batch, D)
        self.active = np.zeros(batch, bool)
        self.episode = np.zeros(n, np.int64)
        self.length = np.zeros(n, np.int64)
        self.ends = np.zeros((n, 2), bool)  # terminated, truncated
        self.success: list[bool | None] = [None] * n  # None: the environment does not tell
        self.observations = np.zeros((n, capacity + 1, *self.current.shape[1:]), dtype)  # (n, capacity + 1, D)
        self.actions = np.zeros(
            (n, capacity, *self.action_shape), np.int64 if discrete else self.action_space.dtype
        )  # (n, capacity, A)
        self.rewards = np.zeros((n, capacity))

    def start(self, k: int, episode: int, seed: int) -> None:
        self.current[k], _ = self.envs[k].reset(seed=seed)
        self.observations[k, 0] = self.current[k]
        self.episode[k], self.length[k], self.active[k], self.success[k] = episode, 0, True, None

    def step(self, actions: Array) -> list[int]:
        """Step every active slot, and return the slots whose episode ended."""
        expected = (len(self.current), *self.action_shape)
        if np.shape(actions) != expected:
            raise SpaceMismatchError(
                f"the policy returned actions of shape {np.shape(actions)} for {len(self.current)} observations; "
                f"expected {expected}"
            )
        taken = clip_actions(self.action_space, actions)
        rows = np.flatnonzero(self.active)
        if self.length[rows].max() == self.actions.shape[1]:
            self._grow()
        # Kept before the step, since an environment may write to its action.
        self.actions[rows, self.length[rows]] = taken[rows]
        for k in rows:
            self.current[k], self.rewards[k, self.length[k]], *ends, info = self.envs[k].step(taken[k])
            self.ends[k] = ends
            if "success" in info:
                self.success[k] = bool(self.success[k] or info["success"])
        self.length[rows] += 1
        self.observations[rows, self.length[rows]] = self.current[rows]
        finished = rows[self.ends[rows].any(axis=1)]
        self.active[finished] = False
        return [int(k) for k in finished]

    def trajectory(self, k: int) -> Trajectory:
        steps = int(self.length[k])
        terminated, truncated = np.zeros((2, steps), bool)
        terminated[-1], truncated[-1] = self.ends[k]
        observations = self.observations[k, : steps + 1].copy()  # the next episode overwrites the slot
        return Trajectory(
            observations=observations[:-1],
            actions=self.actions[k, :steps].copy(),
            next_observations=observations[1:],
            terminated=terminated,
            truncated=truncated,
            next_known=np.ones(steps, bool),
            rewards=self.rewards[k, :steps].copy(),
        )

    def _grow(self) -> None:
        extra = self.actions.shape[1]

        def longer(array: Array) -> Array:
            return np.concatenate([array, np.zeros((len(array), extra, *array.shape[2:]), array.dtype)], axis=1)

        self.observations, self.actions = longer(self.observations), longer(self.actions)
        self.rewards = longer(self.rewards)
