"""Putting a simulator into the state that an observation shows.

What the columns of an observation mean is asked of the simulator: one coordinate of its state at a time is set, and the
columns that take its value, its sine or its cosine are its. Names of tasks are not needed, and a wrapper or an argument
that changes the observation is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_PROBES = np.array([-1.3, -0.4, 0.7, 2.1])  # beyond a quarter turn on both sides, and no symmetry
_FAR = 1e4  # shows where a column is clipped: Hopper's and Walker2d's velocities at 10
_SAME = 1e-5  # observations may be float32
_CLOSE = 1e-3  # of a step: contacts are solved from what the last step left, which no observation shows
_RESETS, _STEPS = 3, 8


class Simulator(Protocol):
    """The state of a simulator as one vector."""

    def read(self) -> Vector:
        """The state, a copy."""

    def write(self, state: Vector) -> None:
        """Put the simulator into a state."""

    def observe(self) -> Vector:
        """The observation of the present state."""


class MujocoSimulator:
    """Positions and velocities of a Gymnasium MuJoCo task."""

    def __init__(self, task: Any) -> None:
        """Take the unwrapped environment."""
        self._task = task

    def read(self) -> Vector:
        """Qpos and qvel."""
        return np.concatenate([self._task.data.qpos, self._task.data.qvel]).astype(np.float64)

    def write(self, state: Vector) -> None:
        """Set qpos and qvel; what the solver remembers of the last step is forgotten."""
        count = len(self._task.data.qpos)
        self._task.data.qacc_warmstart[:] = 0.0
        self._task.set_state(state[:count], state[count:])

    def observe(self) -> Vector:
        """What the task makes of it."""
        return np.array(self._task._get_obs(), dtype=np.float64)


class ClassicSimulator:
    """``state`` of a Gymnasium classic control task."""

    def __init__(self, task: Any) -> None:
        """Take the unwrapped environment."""
        self._task = task

    def read(self) -> Vector:
        """The state, whether the task keeps it as an array or as a tuple."""
        return np.array(self._task.state, dtype=np.float64)

    def write(self, state: Vector) -> None:
        """Set it, and forget that an episode has ended: CartPole warns of steps after that."""
        self._task.state = np.array(state, dtype=np.float64)
        if hasattr(self._task, "steps_beyond_terminated"):
            self._task.steps_beyond_terminated = None

    def observe(self) -> Vector:
        """What the task makes of it; CartPole and MountainCar show the state itself."""
        for name in ("_get_obs", "_get_ob"):
            if hasattr(self._task, name):
                return np.array(getattr(self._task, name)(), dtype=np.float64)
        return self.read()


@dataclass(frozen=True)
class _Coordinate:
    """Where an observation shows one coordinate of the state; either its value, or sine and cosine."""

    value: int | None
    sine: int | None
    cosine: int | None
    lowest: float
    highest: float

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(c for c in (self.value, self.sine, self.cosine) if c is not None)


@dataclass(frozen=True)
class _Step:
    before: Vector
    action: Any
    after: Vector


@dataclass(frozen=True)
class StateMap:
    """How the state is read off an observation.

    Attributes:
        simulator: What is put into the state.
        columns: The observation columns that show the state, ascending; others follow from them or are not used.
    """

    simulator: Simulator
    columns: tuple[int, ...]
    _rest: Vector
    _coordinates: tuple[tuple[int, _Coordinate], ...]

    def determined(self, observations: NDArray[Any]) -> NDArray[np.bool_]:
        """(N, D) -> (N,): rows that show the state whole: no column lies where the environment clips it."""
        whole = np.ones(len(observations), np.bool_)
        for _, place in self._coordinates:
            if place.value is not None:
                column = observations[:, place.value]
                whole &= (column > place.lowest) & (column < place.highest)
        return whole

    def state(self, observation: NDArray[Any]) -> Vector:
        """(D,) -> the state; coordinates that no column shows are those after a reset."""
        state = self._rest.copy()
        for index, place in self._coordinates:
            if place.value is not None:
                state[index] = observation[place.value]
            else:
                state[index] = np.arctan2(observation[place.sine], observation[place.cosine])
        return state


def state_map(env: gymnasium.Env[Any, Any]) -> StateMap | None:
    """How the observations of an environment show its state, or None where they do not.

    The environment is reset and stepped. None is returned where it does not expose its state, where a wrapper gives
    other observations, and where the next observation depends on something that the observation does not show.
    """
    env.reset(seed=0)
    simulator = _simulator(env.unwrapped)
    if simulator is None:
        return None
    if simulator.observe().shape != env.observation_space.shape:
        return None
    rest = simulator.read()
    played = _play(env, simulator)
    if played is None:
        return None
    probed = [_probe(simulator, rest, index) for index in range(len(rest))]
    found = {index: place for index, shown in enumerate(probed) if (place := _find(shown)) is not None}
    # what changes a column in another way, as the place of Pusher's object does, is shown but cannot be read off
    if any(np.ptp(shown[: len(_PROBES)], axis=0).max() > _SAME for n, shown in enumerate(probed) if n not in found):
        return None
    columns = tuple(sorted({column for place in found.values() for column in place.columns}))
    mapped = StateMap(simulator, columns, rest, tuple(found.items()))
    return mapped if columns and _replays(env, mapped, played) else None


def _simulator(task: Any) -> Simulator | None:
    if all(hasattr(task, name) for name in ("set_state", "data", "_get_obs")) and hasattr(task.data, "qacc_warmstart"):
        return MujocoSimulator(task)
    state = getattr(task, "state", None)
    vector = isinstance(state, tuple | list | np.ndarray) and np.ndim(state) == 1
    return ClassicSimulator(task) if vector and np.asarray(state).dtype.kind == "f" else None


def _play(env: gymnasium.Env[Any, Any], simulator: Simulator) -> list[_Step] | None:
    """Random steps from several resets, or None where the environment returns not what its state shows."""
    steps = []
    env.action_space.seed(0)
    for seed in range(_RESETS):
        env.reset(seed=seed)
        for _ in range(_STEPS):
            before, action = simulator.observe(), env.action_space.sample()
            after = np.asarray(env.unwrapped.step(action)[0])
            shown = simulator.observe()
            if after.shape != shown.shape or not np.allclose(after, shown, atol=_SAME, rtol=_SAME):
                return None
            steps.append(_Step(before, action, shown))
    return steps


def _probe(simulator: Simulator, rest: Vector, index: int) -> Matrix:
    """The observations for values of one coordinate: ``_PROBES``, far below, far above."""
    shown = []
    for value in (*_PROBES, -_FAR, _FAR):
        state = rest.copy()
        state[index] = value
        simulator.write(state)
        shown.append(simulator.observe())
    simulator.write(rest)
    return np.array(shown)


def _find(shown: Matrix) -> _Coordinate | None:
    near, (low, high) = shown[: len(_PROBES)], shown[len(_PROBES) :]

    def column(values: Vector) -> int | None:
        fits = np.flatnonzero(np.abs(near - values[:, None]).max(axis=0) < _SAME)
        return int(fits[0]) if fits.size else None

    value = column(_PROBES)
    if value is not None:
        lowest = low[value] if low[value] > -0.99 * _FAR else -np.inf
        highest = high[value] if high[value] < 0.99 * _FAR else np.inf
        return _Coordinate(value, None, None, float(lowest), float(highest))
    sine, cosine = column(np.sin(_PROBES)), column(np.cos(_PROBES))
    return None if sine is None or cosine is None else _Coordinate(None, sine, cosine, -np.inf, np.inf)


def _replays(env: gymnasium.Env[Any, Any], mapped: StateMap, played: list[_Step]) -> bool:
    """Whether states that were read off observations show the same, and lead to the same: nothing is hidden."""
    columns = list(mapped.columns)
    for step in reversed(played):  # what depends on the order shows
        if not mapped.determined(step.before[None])[0]:
            continue
        mapped.simulator.write(mapped.state(step.before))
        shown = mapped.simulator.observe()
        if not np.allclose(shown[columns], step.before[columns], atol=_SAME, rtol=_SAME):
            return False
        env.unwrapped.step(step.action)
        after = mapped.simulator.observe()
        if not np.allclose(after[columns], step.after[columns], atol=_CLOSE, rtol=_CLOSE):
            return False
    return True
