"""The replay of single steps, and its errors: from each row's state one step, compared with the recording.

An error is the root mean square over the columns that show the state, in standard deviations of these columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array, Trajectory
from rexd.envs.make import Env
from rexd.inspection.data.looks.still_ends import moving_rows
from rexd.inspection.simulator.state_map import StateMap

Errors = NDArray[np.float64]
RowNumbers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Recording:
    """The rows of several trajectories end to end, as the replay needs them.

    Attributes:
        observations: (N, D) observations.
        actions: (N, A) actions, or (N,) integers.
        next_observations: (N, D) next observations.
        known: (N,) whether the next observation was recorded, and is not that of padding.
        step: (N,) the number of each row within its trajectory.
        left: (N,) the number of rows that follow each row in its trajectory.
        trajectory: (N,) the number of each row's trajectory.
    """

    observations: Array
    actions: Array
    next_observations: Array
    known: NDArray[np.bool_]
    step: RowNumbers
    left: RowNumbers
    trajectory: RowNumbers

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.actions)


def make_recording(demos: Demonstrations, most: int = 200_000) -> Recording:
    """Put the rows of all trajectories end to end; if they are more than ``most``, those of some drawn at random.

    Trajectories are drawn until they have ``most`` rows together, and of each no more than its first ``most`` rows are
    taken.
    """
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
        known=np.concatenate([_recorded(t) for t in chosen]),
        step=np.concatenate([np.arange(n) for n in lengths]),
        left=np.concatenate(left),
        trajectory=np.repeat(numbers, lengths),
    )


def _recorded(t: Trajectory) -> NDArray[np.bool_]:
    """Return for each row whether it has a next observation that a step led to; (T,)."""
    found = moving_rows(t)
    return np.asarray(t.next_known & (np.arange(len(t)) < found.stop - 1)) if found.padded else t.next_known


class Replay:
    """Single steps of a recording in the simulator."""

    def __init__(
        self,
        env: Env,
        states: StateMap,
        rows: Recording,
        *,
        tick: Callable[[int], None] = lambda steps: None,
    ) -> None:
        """Prepare the replay in an environment that was reset.

        Args:
            env: The environment; its time limit and its wrappers play no part.
            states: How its observations show its state.
            rows: The recording, with the environment's columns.
            tick: Called now and then with the number of steps since the last call.
        """
        self.rows = rows
        self._task, self._states, self._tick = env.unwrapped, states, tick
        self.action_space = env.action_space
        self._columns = list(states.columns)
        spread = rows.observations[:, self._columns].std(axis=0, dtype=np.float64)
        # A column that does not vary, such as CartPole's angle in a perfect recording, has no standard deviation.
        self._spread = np.where(spread > 1e-9, spread, 1.0)
        self._determined = states.determined(rows.observations)

    @property
    def columns(self) -> tuple[int, ...]:
        """The observation columns that show the state, and that are compared."""
        return self._states.columns

    def in_environment(self, env: Env, states: StateMap) -> Replay | None:
        """Return a replay of the same recording in another environment.

        None: its observations show its state in other columns.
        """
        if list(states.columns) != self._columns:
            return None
        return Replay(env, states, self.rows, tick=self._tick)

    def replayable(self, index: RowNumbers) -> RowNumbers:
        """Return the given rows that show the whole state and have a next observation."""
        return index[self._determined[index] & self.rows.known[index]]

    def errors_without_step(self, index: RowNumbers, observations: Array | None = None) -> Errors:
        """Return the error of predicting that nothing changes, for each row.

        Args:
            index: (n,) numbers of the rows.
            observations: (n, D) observations to compare in place of the recorded ones.
        """
        return self._distance(self.rows.observations[index] if observations is None else observations, index)

    def errors(self, index: RowNumbers, actions: Array | None = None, *, observations: Array | None = None) -> Errors:
        """Return the error of one simulated step for each row.

        Args:
            index: (n,) numbers of the rows.
            actions: (n, A) or (n,) actions to take in place of the recorded ones.
            observations: (n, D) observations to start from in place of the recorded ones.
        """
        actions = self.rows.actions[index] if actions is None else actions
        observations = self.rows.observations[index] if observations is None else observations
        return self._distance(self.simulate(observations, actions), index)

    def simulate(self, observations: Array, actions: Array) -> Array:
        """Return the observation after one step from each of (n, D); infinity where the simulator refuses the step."""
        found = np.full(observations.shape, np.inf)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classic control warns of steps after a terminal state
            for place, (observation, action) in enumerate(zip(observations, actions, strict=True)):
                self._states.simulator.write(self._states.state(observation))
                taken = int(action) if np.ndim(action) == 0 else np.asarray(action, self.action_space.dtype)
                found[place] = self._task.step(taken)[0]
                if place % 50 == 49:
                    self._tick(50)
        self._tick(len(observations) % 50)
        return found

    def _distance(self, predicted: Array, index: RowNumbers) -> Errors:
        recorded = self.rows.next_observations[index][:, self._columns].astype(np.float64)
        apart = (predicted[:, self._columns] - recorded) / self._spread
        return np.asarray(np.sqrt(np.mean(apart**2, axis=1)))

    def missed(self, index: RowNumbers) -> Array:
        """Return recorded less simulated next observations, in standard deviations, (n, columns that are compared)."""
        simulated = self.simulate(self.rows.observations[index], self.rows.actions[index])
        return self.standardised(self.rows.next_observations[index] - simulated)

    def standardised(self, differences: Array) -> Array:
        """Return differences (n, D) of observations in standard deviations, (n, columns that show the state)."""
        return np.asarray(differences[:, self._columns] / self._spread)


def draw_rows(candidates: RowNumbers, count: int, seed: int) -> RowNumbers:
    """Draw at most ``count`` of the rows without replacement, in ascending order."""
    if len(candidates) <= count:
        return candidates
    return np.sort(np.random.default_rng(seed).choice(candidates, count, replace=False))


def median_or_zero(errors: Sequence[float] | Errors) -> float:
    """Return the median, or 0 where there is no error."""
    return float(np.median(errors)) if len(errors) else 0.0
