"""How well a simulator reproduces demonstrated steps: put into each row's state, one step, compared with the recording.

Errors are root mean squares over the columns that show the state, in standard deviations of these columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.inspection.simulator.state_map import StateMap

Errors = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Recording:
    """Demonstrated rows end to end, as the replay needs them.

    Attributes:
        observations: (N, D).
        actions: (N, A), or (N,) integers.
        next_observations: (N, D).
        known: (N,) whether the next observation was recorded.
        step: (N,) the number of each row within its trajectory.
        left: (N,) how many rows of its trajectory follow each.
        trajectory: (N,) the number of each row's trajectory.
    """

    observations: Array
    actions: Array
    next_observations: Array
    known: NDArray[np.bool_]
    step: Rows
    left: Rows
    trajectory: Rows

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.actions)


def record(demos: Demonstrations, most: int = 200_000) -> Recording:
    """The rows of all trajectories, or of as many, drawn at random, as come to about so many rows."""
    numbers = np.arange(len(demos))
    if demos.n_transitions > most:
        numbers = np.random.default_rng(0).permutation(numbers)
        before = np.cumsum([0, *demos.lengths[numbers[:-1]]])
        numbers = np.sort(numbers[before < most])
    chosen = [t.rows(slice(most)) for t in demos.select(numbers)]
    lengths = [len(t) for t in chosen]
    left = [np.arange(n)[::-1] + demos.lengths[k] - n for k, n in zip(numbers, lengths, strict=True)]
    return Recording(
        observations=np.concatenate([t.observations for t in chosen]),
        actions=np.concatenate([t.actions for t in chosen]),
        next_observations=np.concatenate([t.next_observations for t in chosen]),
        known=np.concatenate([t.next_known for t in chosen]),
        step=np.concatenate([np.arange(n) for n in lengths]),
        left=np.concatenate(left),
        trajectory=np.repeat(numbers, lengths),
    )


class Replay:
    """Single steps of a recording in the simulator."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        states: StateMap,
        rows: Recording,
        *,
        tick: Callable[[int], None] = lambda steps: None,
    ) -> None:
        """Take an environment that was reset.

        Args:
            env: Its limits of time and its wrappers play no part.
            states: How its observations show its state.
            rows: With the environment's columns.
            tick: Called with the number of steps after some of them.
        """
        self.rows = rows
        self._task, self._states, self._tick = env.unwrapped, states, tick
        self._space = env.action_space
        self._columns = list(states.columns)
        spread = rows.observations[:, self._columns].std(axis=0, dtype=np.float64)
        # a column that does not vary, such as CartPole's angle in a perfect recording, has no standard deviation
        self._spread = np.where(spread > 1e-9, spread, 1.0)
        self._determined = states.determined(rows.observations)

    def elsewhere(self, env: gymnasium.Env[Any, Any], states: StateMap) -> Replay | None:
        """The same recording in another environment; None where its observations show its state in other columns."""
        if list(states.columns) != self._columns:
            return None
        return Replay(env, states, self.rows, tick=self._tick)

    def replayable(self, index: Rows) -> Rows:
        """Those of the rows that show their state whole and that have a next observation."""
        return index[self._determined[index] & self.rows.known[index]]

    def change(self, index: Rows, observations: Array | None = None) -> Errors:
        """The error of predicting that nothing changes, from the recorded observations or from others."""
        return self._distance(self.rows.observations[index] if observations is None else observations, index)

    def errors(self, index: Rows, actions: Array | None = None, *, observations: Array | None = None) -> Errors:
        """One error for each row.

        Args:
            index: The rows.
            actions: What to step with in place of the demonstrated actions, one for each row.
            observations: Where to step from in place of the recorded observations.
        """
        actions = self.rows.actions[index] if actions is None else actions
        observations = self.rows.observations[index] if observations is None else observations
        return self._distance(self.following(observations, actions), index)

    def following(self, observations: Array, actions: Array) -> Array:
        """(n, D) -> (n, D): what the simulator makes of each; steps that it refuses are not finite."""
        found = np.full(observations.shape, np.inf)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classic control warns of steps after a terminal state
            for place, (observation, action) in enumerate(zip(observations, actions, strict=True)):
                self._states.simulator.write(self._states.state(observation))
                taken = int(action) if np.ndim(action) == 0 else np.asarray(action, self._space.dtype)
                found[place] = self._task.step(taken)[0]
                if place % 50 == 49:
                    self._tick(50)
        self._tick(len(observations) % 50)
        return found

    def _distance(self, predicted: Array, index: Rows) -> Errors:
        recorded = self.rows.next_observations[index][:, self._columns].astype(np.float64)
        apart = (predicted[:, self._columns] - recorded) / self._spread
        return np.asarray(np.sqrt(np.mean(apart**2, axis=1)))

    def scaled(self, differences: Array) -> Array:
        """(n, D) -> (n, columns that show the state), in standard deviations."""
        return np.asarray(differences[:, self._columns] / self._spread)


def choose(candidates: Rows, count: int, seed: int) -> Rows:
    """At most so many of the rows, ascending."""
    if len(candidates) <= count:
        return candidates
    return np.sort(np.random.default_rng(seed).choice(candidates, count, replace=False))


def median(errors: Sequence[float] | Errors) -> float:
    """0 where there is none."""
    return float(np.median(errors)) if len(errors) else 0.0
