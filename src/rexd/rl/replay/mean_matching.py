"""Where the agent goes more or less often than the demonstrations, within their support.

Support is not density: RED pays the expert's frequent and rare states alike. Ant's policy at 0.9 of the expert's return
was paid more a step than the expert's own rows, while its mean speed lay half a standard deviation below theirs
(docs/experiments.md). So replayed rewards are shaped by the means that still differ, as in imitation with linear costs
(feature expectations: Abbeel & Ng 2004; Ho et al. 2016, arXiv 1605.08478), and weighted by the learned reward, as SAIL
weights GAIL's (Wang et al. 2020, arXiv 2002.08803), so that what lies outside the support neither gains nor counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer

    from rexd.rl.replay.batches import DemonstrationReplay

Float32 = NDArray[np.float32]

LATEST = 4000  # steps of the agent that count: a few episodes, so that it is compared as it is now
FEWEST = 1000  # of them, past the start; before there are so many, nothing is shaped
START = 0.1  # of the longest demonstration; with the start, Walker2d's falling agent was told to go faster, and fell
FACTOR = 2.0  # most by which a step's share of the shaping can count, in standard deviations times slopes
SMALLEST_SPREAD = 0.05  # in the learner's units: a column that varies less is not blown up
_TRACE = 1e-3  # so that weights can be taken where all rewards are 0


class Shaper(Protocol):
    """Shapes rewards."""

    def __call__(self, obs: Float32, act: Float32, reward: Float32) -> Float32:
        """The rewards to learn from.

        Args:
            obs: (..., D) in the learner's units.
            act: (..., A) likewise.
            reward: (...,) learned.
        """
        ...


def unshaped(obs: Float32, act: Float32, reward: Float32) -> Float32:
    """The ``Shaper`` that leaves them as they are."""
    return reward


class MeanMatching:
    """Shapes rewards by r′ = r · (1 + β · min(1, ℓ/L) · clip(w · (z − z̄), ±2)).

    z is the observation and action in standard deviations of the demonstrations from their mean, z̄ the agent's mean of
    it over its latest steps, both means weighted by the learned reward r. The slope of a column is
    w = −sign(z̄) · clip(|z̄| − noise, 0, 1): back towards the demonstrations' mean, and nothing while the difference may
    be chance. ℓ is the mean length of the agent's latest episodes and L that of the longest demonstration: how an agent
    moves on average says little before it stays up, and Walker2d's was told to go faster and fell again. For the same
    reason the first tenth of an episode is left out of the means: who falls often starts often.

    Since z is measured from the agent's own mean, shaping moves the agent's reward between its steps and hardly changes
    its sum: there is nothing to gain by ending an episode. When the means match it is gone.
    """

    def __init__(self, weight: float, replay: DemonstrationReplay) -> None:
        """Measure the demonstrations.

        Args:
            weight: β; 0 leaves rewards as they are.
            replay: The demonstrations.
        """
        self.weight = weight
        self.longest = replay.step.max(initial=0) + 1
        self.start = int(START * self.longest)
        past = replay.step >= self.start
        rows = np.concatenate([replay.obs, replay.act], axis=1)[past]
        weights = replay.reward[past] + np.float32(_TRACE)
        self.mean = np.asarray(weights @ rows / weights.sum(), np.float32)
        deviation = rows.std(axis=0)
        self.spread = deviation.clip(SMALLEST_SPREAD)
        self.varies = deviation > 0.0
        self.noise = 2.0 * standard_error(rows, replay.trajectory[past]) / self.spread

    def shaper(self, buffer: ReplayBuffer) -> Shaper:
        """What gives the rewards to learn from, as the agent is now.

        Args:
            buffer: What the agent has done, with its learned rewards.
        """
        difference = self.difference(buffer) if self.weight else None
        if difference is None:
            return unshaped
        weight = self.weight * min(1.0, episode_length(buffer.dones[latest(buffer)]) / self.longest)
        slopes = slopes_of(difference, self.noise) * self.varies
        scaled = slopes / self.spread  # w · (z − z̄) without an array of z
        agent = self.mean @ scaled + difference @ slopes

        def shaped(obs: Float32, act: Float32, reward: Float32) -> Float32:
            columns = obs.shape[-1]
            moved = obs @ scaled[:columns] + act @ scaled[columns:] - agent
            return np.asarray(reward * (1.0 + weight * moved.clip(-FACTOR, FACTOR)), np.float32)

        return shaped

    def difference(self, buffer: ReplayBuffer) -> Float32 | None:
        """z̄, (D + A,): from the demonstrations' mean to the agent's over its latest steps, in standard deviations.

        None while there are too few steps past the start.
        """
        at = latest(buffer)
        past = steps_of(buffer.dones[at]) >= self.start
        if np.count_nonzero(past) < FEWEST:
            return None
        weights = (buffer.rewards[at] + np.float32(_TRACE)) * past
        sums = [np.tensordot(weights, array[at], 2) for array in (buffer.observations, buffer.actions)]
        return np.asarray((np.concatenate(sums) / weights.sum() - self.mean) / self.spread, np.float32)


def latest(buffer: ReplayBuffer) -> NDArray[np.int64]:
    """The rows of the agent's latest steps, in their order."""
    count = min(buffer.size(), LATEST)
    return np.asarray((buffer.pos - count + np.arange(count)) % buffer.buffer_size, np.int64)


def episode_length(dones: Float32) -> float:
    """Steps of an episode, in the mean of those that ended.

    Args:
        dones: (T, E), 1 where an episode of an environment ended.
    """
    return float(dones.size / max(1.0, dones.sum()))


def slopes_of(difference: Float32, noise: Float32) -> Float32:
    """Against each difference, by what of it is more than noise, up to 1."""
    return np.asarray(-np.sign(difference) * (np.abs(difference) - noise).clip(0.0, 1.0), np.float32)


def steps_of(dones: Float32) -> NDArray[np.int64]:
    """How many steps each row is into its episode; the first rows count from the first of them.

    Args:
        dones: (T, E), 1 where an episode of an environment ended.
    """
    row = np.arange(len(dones))[:, None]
    begun = np.zeros(dones.shape, np.int64)
    begun[1:] = np.where(dones[:-1] > 0.0, row[1:], 0)
    return np.asarray(row - np.maximum.accumulate(begun), np.int64)


def standard_error(rows: Float32, trajectory: NDArray[np.int64]) -> Float32:
    """Of the mean of each column, (F,): what independent rows would have, or more where trajectories differ by more.

    A column that is constant in each trajectory, such as a goal, tells as much as there are trajectories.

    Args:
        rows: (N, F).
        trajectory: (N,) which one each row is of.
    """
    alone = np.asarray(rows.std(axis=0) / np.sqrt(len(rows)), np.float32)
    names = np.unique(trajectory)
    if len(names) < 2:
        return alone
    means = np.stack([rows[trajectory == name].mean(axis=0) for name in names])
    return np.asarray(np.maximum(alone, means.std(axis=0, ddof=1) / np.sqrt(len(names))), np.float32)
