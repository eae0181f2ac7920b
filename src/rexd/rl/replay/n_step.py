"""Returns of several steps for the critics of an off-policy learner (Sutton & Barto 2018, section 7.1).

The actions that lead to a fall are taken dozens of steps before it. With targets of one step, the cost of the fall
moves back by one step at a time, and each time through target networks that lag behind. A critic then learns too late
what the policy did wrong. Targets of several steps carry the cost back faster.

They also have a drawback: the actions within such a target are those of an earlier policy, with its noise, and their
cost is charged to the first action. Several steps are therefore used only where the agent falls often, which its first
steps show (docs/lab/n-step-returns.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer


# Number of first steps in which falls are counted. Until then the agent acts about as its clone does, because of
# actor_starts and actor_ramp.
FIRST = 4_000
OFTEN = 300  # largest mean number of steps to a terminal state that counts as falling often


class Ahead(NamedTuple):
    """The steps that follow rows of a replay buffer.

    Attributes:
        at: (..., n) int64, the positions of each row and of the n - 1 steps after it.
        counts: (..., n) whether a position belongs to the episode of the row. The first one always does. After one that
            does not, none does.
    """

    at: NDArray[np.int64]
    counts: NDArray[np.bool_]

    @property
    def last(self) -> NDArray[np.int64]:
        """The position of the last step of each row that counts, (...,)."""
        return np.asarray(self.at[..., 0] + self.counts.sum(axis=-1) - 1, np.int64)


def steps_ahead(buffer: ReplayBuffer, n: int) -> int:
    """Return the number of steps of returns: ``n`` where the agent falls often, and 1 elsewhere.

    It falls often if a terminal state comes every ``OFTEN`` steps or sooner in its first ``FIRST`` steps. The buffer
    must not have begun to overwrite itself.

    Args:
        buffer: The agent's transitions.
        n: Number of steps that is asked for.
    """
    held = min(buffer.size(), FIRST // buffer.n_envs)
    falls = np.count_nonzero(buffer.dones[:held] > buffer.timeouts[:held])
    often = (falls + 1) * OFTEN >= held * buffer.n_envs  # the episode that is under way counts as one more
    return n if falls and often else 1


def ahead(buffer: ReplayBuffer, at: NDArray[np.int64], env: NDArray[np.int64], n: int) -> Ahead:
    """Find the steps that follow rows, up to the end of the episode or of the filled part of the buffer.

    The buffer must not have begun to overwrite itself.

    Args:
        buffer: The agent's transitions.
        at: (...,) the positions of the rows.
        env: (...,) the environments of the rows.
        n: Number of steps, the row's own step included.
    """
    wanted = at[..., None] + np.arange(n)
    held = np.minimum(wanted, buffer.size() - 1)
    over = np.logical_or.accumulate(buffer.dones[held, env[..., None]] > 0.0, axis=-1)
    counts = wanted < buffer.size()
    counts[..., 1:] &= ~over[..., :-1]
    return Ahead(held, counts)


def discounted(rewards: NDArray[np.float32], counts: NDArray[np.bool_], discount: float) -> NDArray[np.float32]:
    """Return the discounted sum Σ γᵏ r of the steps that count: (..., n) -> (...,) float32."""
    factors = np.float32(discount) ** np.arange(rewards.shape[-1], dtype=np.float32)
    return np.asarray((rewards * counts) @ factors, np.float32)
