"""The agent's own best episodes, to be cloned beside the demonstrations (self-imitation).

A few hundred demonstrated rows keep the policy where the expert was. Where the agent is, only its critics guide it, and
young critics can make a cloned policy worse than it was (docs/lab/selection-and-cloning.md). Cloning the episodes that
earned the most learned reward so far keeps what worked, and gives way when another episode earns more (Oh et al. 2018,
arXiv 1806.05635, who weight by advantages where this module ranks by returns).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.reward.ends import times_counted

BufferRows = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Where rows of a replay buffer lie: their positions and their environments, (N,) each."""


class BestEpisodes:
    """Finds the rows of the best complete episodes in a replay buffer, again whenever one more is complete."""

    def __init__(self, most: int, horizon: int | None = None) -> None:
        """Set the number of episodes, and how their returns count.

        Args:
            most: Largest number of episodes. Fewer are found where fewer have a return above the mean of all; where
                all returns are equal, there is no best episode.
            horizon: The number of steps over which returns count (``rexd.reward.ends``); None counts all.
        """
        self.most, self.horizon = most, horizon
        self._complete = -1
        self._rows: BufferRows = (np.zeros(0, np.int64), np.zeros(0, np.int64))

    def rows(self, buffer: ReplayBuffer) -> BufferRows:
        """Return the rows of the best episodes in ``buffer``; no rows before an episode is complete.

        The buffer must not have begun to overwrite itself, which would cut an episode in two.
        """
        complete = int(np.count_nonzero(buffer.dones[: buffer.size()]))
        if complete != self._complete and self.most:
            self._complete, self._rows = complete, best_rows(buffer, self.most, self.horizon)
        return self._rows


def best_rows(buffer: ReplayBuffer, most: int, horizon: int | None = None) -> BufferRows:
    """Return the rows of at most ``most`` episodes: the ones of highest return, if it is above the mean of all.

    With a ``horizon``, returns count up to it.
    """
    size = buffer.size()
    episodes = [span for env in range(buffer.n_envs) for span in episodes_of(buffer.dones[:size, env], env)]
    if not episodes:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    returns = np.array([_return(buffer, *episode, horizon) for episode in episodes])
    better = [k for k in np.argsort(-returns, kind="stable")[:most] if returns[k] > returns.mean()]
    chosen: Sequence[tuple[int, int, int]] = [episodes[k] for k in better]
    at = [np.arange(start, stop) for start, stop, _ in chosen]
    envs = [np.full(stop - start, env) for start, stop, env in chosen]
    empty = [np.zeros(0, np.int64)]
    return np.concatenate(at or empty), np.concatenate(envs or empty)


def _return(buffer: ReplayBuffer, start: int, stop: int, env: int, horizon: int | None) -> float:
    rewards = buffer.rewards[start:stop, env]
    if horizon is None:
        return float(rewards.sum(dtype=np.float64))
    ended = buffer.dones[start:stop, env] > buffer.timeouts[start:stop, env]
    return float(rewards @ times_counted(np.arange(stop - start), ended, horizon))


def episodes_of(dones: NDArray[np.float32], env: int) -> list[tuple[int, int, int]]:
    """Return (start, stop, env) of each complete episode of one environment."""
    stops = np.flatnonzero(dones) + 1
    starts = np.concatenate([[0], stops[:-1]])
    return [(int(start), int(stop), env) for start, stop in zip(starts, stops, strict=False)]
