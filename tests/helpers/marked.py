"""Rows that say where they come from: the agent's begin at 0, demonstrated ones at ``SHOWN``."""

import numpy as np

from rexd.rl.replay.demonstrations import DemonstrationReplay

SHOWN = 1000.0


def marked_replay(known=lambda number: number % 3 > 0, rows=30):
    """Row i: observation 1000 + i, action i / 100, next observation 2000 + i, reward i / 10."""
    i = np.arange(rows, dtype=np.float32)
    return DemonstrationReplay(
        obs=np.repeat(SHOWN + i[:, None], 2, axis=1),
        act=np.repeat(i[:, None] / 100.0, 2, axis=1),
        next_obs=np.repeat(2.0 * SHOWN + i[:, None], 2, axis=1),
        reward=i / 10.0,
        done=(i % 2).astype(np.float32),
        critic_rows=np.flatnonzero(known(np.arange(rows))),
        trajectory=np.arange(rows) // 10,
        step=np.arange(rows) % 10,
    )


def fill_marked(buffer, rows=20):
    """Row i of environment e: observation 100 e + i; every 4th ends, every 8th by a time limit."""
    envs = np.arange(buffer.n_envs)
    for i in range(rows):
        obs = np.repeat((100.0 * envs + i)[:, None], 2, axis=1)
        ends = np.full(buffer.n_envs, i % 4 == 0)
        infos = [{"TimeLimit.truncated": i % 8 == 0}] * buffer.n_envs
        buffer.add(obs, obs + 0.5, obs / 100.0, obs[:, 0] * 2.0, ends, infos)
    return buffer
