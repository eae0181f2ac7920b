"""Demonstrations as an off-policy learner replays them: standardised, with the reward of each transition."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rexd.demos.choices import one_hot
from rexd.demos.demonstrations import Demonstrations
from rexd.rl.wrappers.scaling import ObservationScale

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DemonstrationReplay:
    """Demonstrated transitions with their learned reward, in the units of the learner.

    Attributes:
        obs: (N, D) float32.
        act: (N, A) float32, scaled to [-1, 1] as in the replay buffer of the learner; discrete actions are one-hot.
            (N, 0) for states alone, of which nothing is replayed or cloned.
        next_obs: (N, D) float32.
        reward: (N,) float32 in [0, 1].
        done: (N,) float32, 1 where the step was terminal.
        critic_rows: (M,) the rows whose next observation is known, from which a critic may learn.
        trajectory: (N,) the number of the trajectory of each row.
        step: (N,) steps since the start of the episode.
        horizon: The number of steps over which returns count, where demonstrations end in terminal states
            (``rexd.reward.ends``); None elsewhere.
    """

    obs: Float32
    act: Float32
    next_obs: Float32
    reward: Float32
    done: Float32
    critic_rows: NDArray[np.int64]
    trajectory: NDArray[np.int64]
    step: NDArray[np.int64]
    horizon: int | None = None

    @property
    def has_actions(self) -> bool:
        """Whether there are actions to replay and to clone."""
        return bool(self.act.shape[1])

    @property
    def replayable(self) -> bool:
        """Whether there are transitions that a critic may learn from."""
        return self.has_actions and len(self.critic_rows) > 0

    def labelled(self, act: Float32) -> DemonstrationReplay:
        """Return states alone with actions (N, A), as if they had been recorded."""
        return replace(self, act=act)

    @classmethod
    def of(
        cls,
        demonstrations: Demonstrations,
        reward: Float32,
        scale: ObservationScale,
        low: Float32 | None = None,
        high: Float32 | None = None,
        *,
        horizon: int | None = None,
    ) -> DemonstrationReplay:
        """Take the rows of demonstrations.

        Args:
            demonstrations: What the expert did.
            reward: (N,) the reward of each row.
            scale: Standardises observations.
            low: (A,) the lowest actions of the action space; None for discrete actions.
            high: (A,) the highest actions of the action space; None for discrete actions.
            horizon: The reward's.
        """
        rows = demonstrations.transitions()
        if not demonstrations.has_actions:
            act = rows.act
        elif low is None or high is None:
            assert demonstrations.n_actions is not None
            act = one_hot(rows.act, demonstrations.n_actions)
        else:
            act = (2.0 * (rows.act - low) / (high - low) - 1.0).astype(np.float32)
        return cls(
            obs=scale.apply(rows.obs),
            act=act,
            next_obs=scale.apply(rows.next_obs),
            reward=np.asarray(reward, np.float32),
            done=rows.terminated.astype(np.float32),
            critic_rows=np.flatnonzero(rows.next_known),
            trajectory=np.repeat(np.arange(len(demonstrations)), demonstrations.lengths),
            step=rows.step.astype(np.int64),
            horizon=horizon,
        )
