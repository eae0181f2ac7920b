"""Shaping of replayed rewards, so that the agent's mean observations and actions approach those of the demonstrations.

Support is not density: RED rewards the expert's frequent and rare states alike, so that a policy may differ from the
expert in its means while every step lies within the support (docs/lab/shaping.md). Rewards are therefore shaped by the
means that still differ, as in imitation with linear costs (feature expectations: Abbeel & Ng 2004; Ho et al. 2016,
arXiv 1605.08478). The shaping is weighted by the learned reward, as SAIL weights GAIL's reward (Wang et al. 2020, arXiv
2002.08803), so that rows outside the support hardly count in the means and gain nothing by the shaping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from rexd.rl.replay.demonstrations import DemonstrationReplay, Float32

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer


LATEST = 4000  # number of the agent's latest steps that are compared: a few episodes, which show it as it is now
FEWEST = 1000  # smallest number of these steps after the start of an episode; with fewer, nothing is shaped
START = 0.1  # length of the start of an episode, which is left out, as a share of the longest demonstration
FACTOR = 2.0  # bound of w · (z − z̄)
SMALLEST_SPREAD = 0.05  # smallest standard deviation, in the learner's units, so that no column is scaled up too far
_TRACE = 1e-3  # is added to the rewards that weight the means, so that the weights are positive where rewards are 0


class Shaper(Protocol):
    """A function that shapes rewards."""

    def __call__(self, obs: Float32, act: Float32, reward: Float32) -> Float32:
        """Return the rewards to learn from, (...,).

        Args:
            obs: (..., D) observations in the learner's units.
            act: (..., A) actions in the learner's units.
            reward: (...,) learned rewards.
        """
        ...


def unshaped(obs: Float32, act: Float32, reward: Float32) -> Float32:
    """Return the rewards as they are; this is the ``Shaper`` that does nothing."""
    return reward


class MeanMatching:
    """Shapes rewards by r′ = r · (1 + β · min(1, ℓ/L) · clip(w · (z − z̄), ±2)).

    z is the observation and action of a row, in standard deviations of the demonstrations from their mean. z̄ is the
    agent's mean of z over its latest steps. Both means are weighted by the learned reward r. The slope of a column is
    w = −sign(z̄) · clip(|z̄| − noise, 0, 1): it points back to the demonstrations' mean, and is 0 while the difference
    may be chance.

    ℓ is the mean length of the agent's latest episodes, and L that of the longest demonstration. An agent that falls
    early differs from the demonstrations in its means because it falls, so that its means say little about how it
    should move (docs/lab/shaping.md). For the same reason the first tenth of an episode is left out of the means: an
    agent that falls often also starts often.

    Since z is compared with the agent's own mean, shaping moves reward from some of the agent's steps to others and
    hardly changes the sum. There is therefore nothing to gain by ending an episode. Shaping vanishes when the means
    match.
    """

    def __init__(self, weight: float, replay: DemonstrationReplay) -> None:
        """Compute the statistics of the demonstrations.

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
        """Return the function that shapes rewards for the agent as it is now.

        Args:
            buffer: The agent's transitions with their learned rewards.
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
            moved = obs @ scaled[:columns]
            if len(scaled) > columns:  # of states alone, observations are compared and actions are not
                moved = moved + act @ scaled[columns:]
            moved = moved - agent
            return np.asarray(reward * (1.0 + weight * moved.clip(-FACTOR, FACTOR)), np.float32)

        return shaped

    def difference(self, buffer: ReplayBuffer) -> Float32 | None:
        """Return z̄: the difference between the agent's mean over its latest steps and that of the demonstrations.

        Args:
            buffer: The agent's transitions with their learned rewards.

        Returns:
            (D + A,), or (D,) for states alone, in standard deviations of the demonstrations; None while there are too
            few steps after the starts of episodes.
        """
        at = latest(buffer)
        past = steps_of(buffer.dones[at]) >= self.start
        if np.count_nonzero(past) < FEWEST:
            return None
        weights = (buffer.rewards[at] + np.float32(_TRACE)) * past
        sums = [np.tensordot(weights, array[at], 2) for array in (buffer.observations, buffer.actions)]
        means = np.concatenate(sums)[: len(self.mean)] / weights.sum()
        return np.asarray((means - self.mean) / self.spread, np.float32)


def latest(buffer: ReplayBuffer) -> NDArray[np.int64]:
    """Return the positions of the agent's latest steps in the buffer, (T,), in their order."""
    count = min(buffer.size(), LATEST)
    return np.asarray((buffer.pos - count + np.arange(count)) % buffer.buffer_size, np.int64)


def episode_length(dones: Float32) -> float:
    """Return the mean number of steps of an episode.

    Args:
        dones: (T, E), 1 where an episode of an environment ended.
    """
    return float(dones.size / max(1.0, dones.sum()))


def slopes_of(difference: Float32, noise: Float32) -> Float32:
    """Return the slopes w, (F,), each with the opposite sign of its difference.

    Args:
        difference: (F,) z̄.
        noise: (F,) size of a difference that may be chance. The slope is as large as the rest of the difference, and
            at most 1.
    """
    return np.asarray(-np.sign(difference) * (np.abs(difference) - noise).clip(0.0, 1.0), np.float32)


def steps_of(dones: Float32) -> NDArray[np.int64]:
    """Return the number of steps since the start of the episode of each row, (T, E).

    Rows of an episode that began before the first row are counted from the first row.

    Args:
        dones: (T, E), 1 where an episode of an environment ended.
    """
    row = np.arange(len(dones))[:, None]
    begun = np.zeros(dones.shape, np.int64)
    begun[1:] = np.where(dones[:-1] > 0.0, row[1:], 0)
    return np.asarray(row - np.maximum.accumulate(begun), np.int64)


def standard_error(rows: Float32, trajectory: NDArray[np.int64]) -> Float32:
    """Return the standard error of the mean of each column, (F,).

    It is that of independent rows, or that of the means of trajectories where this is larger: a column that is constant
    in each trajectory, such as a goal, has no more independent values than there are trajectories.

    Args:
        rows: (N, F) the rows.
        trajectory: (N,) the number of the trajectory of each row.
    """
    alone = np.asarray(rows.std(axis=0) / np.sqrt(len(rows)), np.float32)
    names = np.unique(trajectory)
    if len(names) < 2:
        return alone
    means = np.stack([rows[trajectory == name].mean(axis=0) for name in names])
    return np.asarray(np.maximum(alone, means.std(axis=0, ddof=1) / np.sqrt(len(names))), np.float32)
