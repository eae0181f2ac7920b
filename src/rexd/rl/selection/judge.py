"""Which policy of a run is kept: the one with the highest learned return, confirmed in further episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rexd.envs.make import Env
from rexd.evaluation.evaluate import Evaluation, evaluate
from rexd.reward.base import RewardModel
from rexd.rl.policies.policy import Policy

SELECTION_SEED = 1_000_003  # evaluations during training play other episodes than the final evaluation
CONFIRMATION_SEED = 2_000_003
CONFIRMATIONS = 3  # times as many episodes again, for a policy that seems to be the best

Play = Callable[[Policy, int, int], Evaluation]
"""Plays a policy for a number of episodes from a seed."""


@dataclass(frozen=True)
class Player:
    """Plays policies in the environment of a run, and scores them.

    Attributes:
        make_env: Makes the environment as it is.
        reward: Scores the episodes; None leaves the environment's own return, which then selects.
    """

    make_env: Callable[[], Env]
    reward: RewardModel | None

    def __call__(self, policy: Policy, episodes: int, seed: int) -> Evaluation:
        """Play a policy for a number of episodes from a seed."""
        return evaluate(self.make_env, policy, self.reward, episodes=episodes, seed=seed)


@dataclass(frozen=True)
class Standing:
    """What a policy is compared with.

    Attributes:
        best: The highest return that was confirmed so far.
        first: What the best policy earned in the first episodes alone.
        steps: The environment steps that judging took; they are not counted among those of the learner.
    """

    best: float = -np.inf
    first: float = -np.inf
    steps: int = 0

    @classmethod
    def from_dict(cls, progress: dict[str, Any]) -> Self:
        """Read the standing from the progress of a checkpoint."""
        return cls(progress["best"], progress.get("first", -np.inf), progress["selection_steps"])


@dataclass(frozen=True)
class Verdict:
    """What judging a policy came to.

    Attributes:
        evaluation: The first episodes.
        confirmed: The mean return over further episodes too; None where the policy does not seem to be the best.
        selected: Whether the policy is the best so far.
        standing: What the next policy is compared with.
    """

    evaluation: Evaluation
    confirmed: float | None
    selected: bool
    standing: Standing


@dataclass(frozen=True)
class Judge:
    """Judges policies one after the other, always in the same episodes.

    Attributes:
        play: Plays a policy.
        episodes: The number of episodes of an evaluation.
        seed: The seed of the run.
        paired: Whether a policy seems to be the best if it is that in the same first episodes. Where each episode has
            another goal, a few episodes may be harder than the further ones by far. Else, a policy must earn in its
            first episodes what the best one earned in all.
    """

    play: Play
    episodes: int
    seed: int
    paired: bool = False

    def __call__(self, policy: Policy, standing: Standing) -> Verdict:
        """Evaluate a policy, and compare it with the best one so far."""
        result = self.play(policy, self.episodes, SELECTION_SEED + self.seed)
        steps, confirmed = standing.steps + _steps(result), None
        if score_of(result) >= (standing.first if self.paired else standing.best):
            # A policy that falls in half of its episodes may well stay up in its first five
            # (docs/lab/selection-and-cloning.md).
            further = self.play(policy, CONFIRMATIONS * self.episodes, CONFIRMATION_SEED + self.seed)
            steps += _steps(further)
            confirmed = (score_of(result) + CONFIRMATIONS * score_of(further)) / (1 + CONFIRMATIONS)
        if confirmed is None or confirmed < standing.best:
            return Verdict(result, confirmed, False, Standing(standing.best, standing.first, steps))
        return Verdict(result, confirmed, True, Standing(confirmed, score_of(result), steps))


def score_of(result: Evaluation) -> float:
    """Return what selects: the learned return, or the environment's where that is what is learnt from."""
    return result.true.mean if result.learned is None else result.learned.mean


def _steps(result: Evaluation) -> int:
    return sum(episode.length for episode in result.episodes)
