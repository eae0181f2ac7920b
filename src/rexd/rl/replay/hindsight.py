"""The agent's own episodes with other goals: hindsight experience replay (Andrychowicz et al. 2017, arXiv 1707.01495).

What an episode reached, it would have reached too if that had been its goal. The learned reward is a function of the
row, so that the rewards of such an episode are simply computed anew. Each finished episode is kept several times, each
time with a goal that it reached. What it costs: the reward model scores each episode as often again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rexd.demos.goals import Goals
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.rows import Rows
from rexd.rl.replay.best_episodes import episodes_of
from rexd.rl.wrappers.scaling import Float32, ObservationScale

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer

COPIES = 4  # of each episode
SHARE = 0.5  # of the agent's rows in a batch that have another goal, as soon as there are some


class Moved(NamedTuple):
    """Steps of the agent with other goals, in the units of the learner: columns of N rows."""

    obs: Float32
    act: Float32
    next_obs: Float32
    reward: Float32
    done: Float32


class Hindsight:
    """Keeps the finished episodes of a replay buffer with other goals, and draws rows of them."""

    def __init__(
        self,
        goals: Goals,
        reward: RewardModel,
        scale: ObservationScale,
        in_units: Callable[[Float32], NDArray[Any]],
        *,
        ends: bool,
        seed: int,
    ) -> None:
        """Take what is needed to exchange goals and to pay for it.

        Args:
            goals: Which columns know the goal.
            reward: Pays for raw rows.
            scale: Standardises observations.
            in_units: Returns the learner's actions in the units of the environment.
            ends: Whether an episode ends in a terminal state where it reaches its goal, as the demonstrations do. An
                episode is then cut off where it reaches the other goal; else it goes on to its end.
            seed: Seed of the choice of goals.
        """
        self._goals, self._reward, self._scale, self._in_units = goals, reward, scale, in_units
        self._ends, self._seed = ends, seed
        self._seen = 0  # positions of the buffer whose episodes were looked at
        self._parts: list[Moved] = []
        self._rows: Moved | None = None

    def rows(self, buffer: ReplayBuffer) -> Moved | None:
        """Return all rows of finished episodes with other goals; None before there are any.

        The goals of an episode depend on its place in the buffer and on the seed alone, so that a resumed run finds the
        same ones. The buffer has one environment, and must not have begun to overwrite itself.
        """
        found = [
            self._moved(buffer, self._seen + start, self._seen + stop)
            for start, stop, _ in episodes_of(buffer.dones[self._seen : buffer.size(), 0], 0)
        ]
        if found:
            self._seen += int(np.flatnonzero(buffer.dones[self._seen : buffer.size(), 0])[-1]) + 1
            self._parts.extend(part for part in found if len(part.obs))
            if self._parts:
                self._parts = [Moved(*map(np.concatenate, zip(*self._parts, strict=True)))]
                self._rows = self._parts[0]
        return self._rows

    def _moved(self, buffer: ReplayBuffer, start: int, stop: int) -> Moved:
        """Return the rows of one episode, once for each of its other goals."""
        obs, next_obs = (
            array[start:stop, 0] * self._scale.std + self._scale.mean
            for array in (buffer.observations, buffer.next_observations)
        )
        act, length = buffer.actions[start:stop, 0], stop - start
        ended = buffer.dones[start:stop, 0] * (np.float32(1.0) - buffer.timeouts[start:stop, 0])
        achieved = self._goals.achieved(next_obs)
        drawn = np.random.default_rng([self._seed, start]).integers(length, size=COPIES - 1)
        copies = []
        for at in (length - 1, *drawn.tolist()):
            size = at + 1 if self._ends else length
            goal, step = achieved[at], np.arange(size)
            moved, following = (self._goals.exchanged(array[:size], goal) for array in (obs, next_obs))
            reward = predict_at(self._reward, Rows(moved, self._in_units(act[:size]), following, step))
            done = (step == at).astype(np.float32) if self._ends else ended
            copies.append(Moved(self._scale.apply(moved), act[:size], self._scale.apply(following), reward, done))
        return Moved(*map(np.concatenate, zip(*copies, strict=True)))
