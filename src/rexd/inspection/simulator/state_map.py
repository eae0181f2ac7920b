"""How an observation shows the state of the simulator, and how the simulator is put into that state.

The meaning of the columns is found by trial: one coordinate of the state at a time is set, and the columns that take
its value, its sine or its cosine show that coordinate. No names of tasks are needed, and a wrapper or an argument that
changes the observation is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rexd.envs.make import Env

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_PROBES = np.array([-1.3, -0.4, 0.7, 2.1])  # values without symmetry, some beyond a quarter turn
_FAR = 1e4  # a value that shows where a column is clipped: Hopper's and Walker2d's velocities are, at 10
_SAME = 1e-5  # tolerance of equal observations, which may be float32
# Tolerance after a step: the contact solver starts from what the last step left, which no observation shows.
_CLOSE = 1e-3
_RESETS, _STEPS = 3, 8


class Simulator(Protocol):
    """The state of a simulator as one vector."""

    def read(self) -> Vector:
        """Return a copy of the state."""

    def write(self, state: Vector) -> None:
        """Put the simulator into a state."""

    def observe(self) -> Vector:
        """Return the observation of the present state."""


class MujocoSimulator:
    """The simulator of a Gymnasium MuJoCo task, whose state is its positions and velocities."""

    def __init__(self, task: Any) -> None:
        """Use an unwrapped environment."""
        self._task = task

    def read(self) -> Vector:
        """Return qpos and qvel, end to end."""
        return np.concatenate([self._task.data.qpos, self._task.data.qvel]).astype(np.float64)

    def write(self, state: Vector) -> None:
        """Set qpos and qvel, and clear what the solver keeps of the last step."""
        count = len(self._task.data.qpos)
        self._task.data.qacc_warmstart[:] = 0.0
        self._task.set_state(state[:count], state[count:])

    def observe(self) -> Vector:
        """Return the observation that the task makes of its state."""
        return np.array(self._task._get_obs(), dtype=np.float64)


class ClassicSimulator:
    """The simulator of a Gymnasium classic control task, whose state is its attribute ``state``."""

    def __init__(self, task: Any) -> None:
        """Use an unwrapped environment."""
        self._task = task

    def read(self) -> Vector:
        """Return the state, which the task keeps as an array or as a tuple."""
        return np.array(self._task.state, dtype=np.float64)

    def write(self, state: Vector) -> None:
        """Set the state, and clear the mark of an ended episode: CartPole warns of steps after one."""
        self._task.state = np.array(state, dtype=np.float64)
        if hasattr(self._task, "steps_beyond_terminated"):
            self._task.steps_beyond_terminated = None

    def observe(self) -> Vector:
        """Return the observation that the task makes of its state; CartPole and MountainCar show the state itself."""
        for name in ("_get_obs", "_get_ob"):
            if hasattr(self._task, name):
                return np.array(getattr(self._task, name)(), dtype=np.float64)
        return self.read()


@dataclass(frozen=True)
class _Coordinate:
    """The columns that show one coordinate of the state: either its value, or its sine and cosine."""

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
        simulator: The simulator that is put into the state.
        columns: The observation columns that show the state, ascending. Other columns follow from these, or are not
            used.
    """

    simulator: Simulator
    columns: tuple[int, ...]
    _rest: Vector
    _coordinates: tuple[tuple[int, _Coordinate], ...]

    def determined(self, observations: NDArray[Any]) -> NDArray[np.bool_]:
        """Return for each of (N, D) whether it shows the whole state: no column lies where it is clipped; (N,)."""
        whole = np.ones(len(observations), np.bool_)
        for _, place in self._coordinates:
            if place.value is not None:
                column = observations[:, place.value]
                whole &= (column > place.lowest) & (column < place.highest)
        return whole

    def state(self, observation: NDArray[Any]) -> Vector:
        """Return the state that (D,) shows; coordinates that no column shows have their value after a reset."""
        state = self._rest.copy()
        for index, place in self._coordinates:
            if place.value is not None:
                state[index] = observation[place.value]
            else:
                state[index] = np.arctan2(observation[place.sine], observation[place.cosine])
        return state


def state_map(env: Env) -> StateMap | None:
    """Find how the observations of an environment show its state, by resetting and stepping it.

    Returns:
        The map. None where the environment does not expose its state, where a wrapper gives other observations, and
        where the next observation depends on something that the observation does not show.
    """
    env.reset(seed=0)
    simulator = _simulator(env.unwrapped)
    if simulator is None or hasattr(env.observation_space, "original"):  # the task itself gives dicts
        return None
    if simulator.observe().shape != env.observation_space.shape:
        return None
    rest = simulator.read()
    played = _play(env, simulator)
    if played is None:
        return None
    probed = [_probe(simulator, rest, index) for index in range(len(rest))]
    found = {index: place for index, shown in enumerate(probed) if (place := _find(shown)) is not None}
    # A coordinate that changes columns in another way, such as the place of Pusher's object, cannot be read off.
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


def _play(env: Env, simulator: Simulator) -> list[_Step] | None:
    """Take random steps from several resets; None where ``step`` returns other observations than the state shows."""
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
    """Return the observations for values of one coordinate: ``_PROBES``, one far below, one far above."""
    shown = []
    for value in (*_PROBES, -_FAR, _FAR):
        state = rest.copy()
        state[index] = value
        simulator.write(state)
        shown.append(simulator.observe())
    simulator.write(rest)
    return np.array(shown)


def _find(shown: Matrix) -> _Coordinate | None:
    """Return the columns that show a coordinate, from the observations of ``_probe``; None where none does."""
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


def _replays(env: Env, mapped: StateMap, played: list[_Step]) -> bool:
    """Return whether states read off observations show the same observations, before and after a step.

    If not, the next observation depends on something hidden.
    """
    columns = list(mapped.columns)
    for step in reversed(played):  # in another order, so that a dependence on the steps before shows
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
