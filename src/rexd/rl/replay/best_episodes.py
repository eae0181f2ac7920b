"""The agent's own best episodes, to be cloned beside the demonstrations (self-imitation).

A few hundred demonstrated rows hold the policy where the expert was. Where the agent is, its critics alone hold it, and
while these are young they talk a cloned policy that plays well out of it: Hopper fell from 3130 to 800 within 4000
steps and took 10,000 more to come back. Cloning the episodes that earned the most learned reward so far keeps what
worked, and gives way when something earns more (Oh et al. 2018, arXiv 1806.05635, with returns for their advantages).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer

Rows = tuple[NDArray[np.int64], NDArray[np.int64]]


class BestEpisodes:
    """Finds the rows of the best complete episodes in a replay buffer, again whenever one more is complete."""

    def __init__(self, most: int) -> None:
        """Take at most ``most`` episodes, each better than the mean of all: where all are alike, there is no best."""
        self.most = most
        self._complete = -1
        self._rows: Rows = (np.zeros(0, np.int64), np.zeros(0, np.int64))

    def rows(self, buffer: ReplayBuffer) -> Rows:
        """Positions and environments in ``buffer``, (N,) each; nothing before an episode is complete.

        The buffer must not have begun to overwrite itself, which would cut an episode in two.
        """
        complete = int(np.count_nonzero(buffer.dones[: buffer.size()]))
        if complete != self._complete and self.most:
            self._complete, self._rows = complete, best_rows(buffer, self.most)
        return self._rows


def best_rows(buffer: ReplayBuffer, most: int) -> Rows:
    """The rows of the ``most`` episodes of highest return, and above the mean return of all."""
    size = buffer.size()
    episodes = [span for env in range(buffer.n_envs) for span in _episodes(buffer.dones[:size, env], env)]
    if not episodes:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    returns = np.array([buffer.rewards[start:stop, env].sum(dtype=np.float64) for start, stop, env in episodes])
    better = [k for k in np.argsort(-returns, kind="stable")[:most] if returns[k] > returns.mean()]
    chosen: Sequence[tuple[int, int, int]] = [episodes[k] for k in better]
    at = [np.arange(start, stop) for start, stop, _ in chosen]
    envs = [np.full(stop - start, env) for start, stop, env in chosen]
    empty = [np.zeros(0, np.int64)]
    return np.concatenate(at or empty), np.concatenate(envs or empty)


def _episodes(dones: NDArray[np.float32], env: int) -> list[tuple[int, int, int]]:
    stops = np.flatnonzero(dones) + 1
    starts = np.concatenate([[0], stops[:-1]])
    return [(int(start), int(stop), env) for start, stop in zip(starts, stops, strict=False)]
