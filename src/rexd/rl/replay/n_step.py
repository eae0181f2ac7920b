"""Returns of several steps for the critics of an off-policy learner (Sutton & Barto 2018, section 7.1).

A fall begins 30 to 60 steps before it. With targets of one step its price goes back a step at a time, each through
target networks that lag 200 updates behind, so that a critic knows thousands of updates later what the policy does
wrong, and the policy does something else by then: Walker2d learnt to walk, and to fall again. Three steps at once make
it stay up. The actions on the way are those of the policy that took them, with their noise, not of the one that learns:
that is charged to what is learnt, 8% on HalfCheetah, 4% on Ant. So it is done only where falls are many, which the
agent's first steps tell: of 4,000 steps, 16 to 22 end in a fall on Walker2d, 3 to 9 on Ant (docs/experiments.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stable_baselines3.common.buffers import ReplayBuffer


FIRST = 4_000  # steps that tell: until then the agent does about what its clone does (actor_starts, actor_ramp)
OFTEN = 300  # steps of an episode, in the mean, up to which falls are many


class Ahead(NamedTuple):
    """What follows rows of a replay buffer.

    Attributes:
        at: (..., n) int64, positions of each row and of the n - 1 after it.
        counts: (..., n) whether a position is of the row's own episode; the first always is, and none after a False.
    """

    at: NDArray[np.int64]
    counts: NDArray[np.bool_]

    @property
    def last(self) -> NDArray[np.int64]:
        """(...,) position of the last step that counts."""
        return np.asarray(self.at[..., 0] + self.counts.sum(axis=-1) - 1, np.int64)


def steps_ahead(buffer: ReplayBuffer, n: int) -> int:
    """``n`` where the agent's first steps end in a terminal state every 300 steps or sooner, else 1.

    The buffer must not have begun to overwrite itself.

    Args:
        buffer: What the agent has seen.
        n: Steps that are asked for.
    """
    held = min(buffer.size(), FIRST // buffer.n_envs)
    falls = np.count_nonzero(buffer.dones[:held] > buffer.timeouts[:held])
    often = (falls + 1) * OFTEN >= held * buffer.n_envs  # the episode that is under way is one more
    return n if falls and often else 1


def ahead(buffer: ReplayBuffer, at: NDArray[np.int64], env: NDArray[np.int64], n: int) -> Ahead:
    """Find the next steps of rows, up to the end of their episode or of what the buffer holds.

    The buffer must not have begun to overwrite itself.

    Args:
        buffer: What the agent has seen.
        at: (...,) positions of the rows.
        env: (...,) their environments.
        n: Steps, the row's own included.
    """
    wanted = at[..., None] + np.arange(n)
    held = np.minimum(wanted, buffer.size() - 1)
    over = np.logical_or.accumulate(buffer.dones[held, env[..., None]] > 0.0, axis=-1)
    counts = wanted < buffer.size()
    counts[..., 1:] &= ~over[..., :-1]
    return Ahead(held, counts)


def discounted(rewards: NDArray[np.float32], counts: NDArray[np.bool_], discount: float) -> NDArray[np.float32]:
    """Σ γᵏ r of the steps that count: (..., n) -> (...,) float32."""
    factors = np.float32(discount) ** np.arange(rewards.shape[-1], dtype=np.float32)
    return np.asarray((rewards * counts) @ factors, np.float32)
