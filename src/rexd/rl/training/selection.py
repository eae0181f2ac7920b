"""Which policy of a run is kept: the one with the highest learned return, confirmed in further episodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rexd.evaluation.evaluate import Evaluation
from rexd.rl.policies.policy import Policy

SELECTION_SEED = 1_000_003  # evaluations during training play other episodes than the final evaluation
CONFIRMATION_SEED = 2_000_003
CONFIRMATIONS = 3  # times as many episodes again, for a policy that seems to be the best

Play = Callable[[Policy, int, int], Evaluation]
"""Plays a policy for a number of episodes from a seed."""


class Selection:
    """Judges policies one after the other, and remembers what the best of them earned.

    Attributes:
        best: The highest return that was confirmed so far.
        first: What the best policy earned in the first episodes alone.
        steps: The environment steps that judging took; they are not counted among those of the learner.
    """

    def __init__(self, play: Play, episodes: int, seed: int, *, paired: bool = False) -> None:
        """Start with nothing selected.

        Args:
            play: Plays a policy.
            episodes: The number of episodes of an evaluation.
            seed: Seed of the run.
            paired: Whether a policy seems to be the best if it is that in the same first episodes. Where each episode
                has another goal, a few episodes may be harder than the further ones by far. Else, a policy must earn in
                its first episodes what the best one earned in all.
        """
        self._paired = paired
        self._play, self._episodes, self._seed = play, episodes, seed
        self.best, self.first, self.steps = -np.inf, -np.inf, 0

    def judge(self, policy: Policy) -> tuple[Evaluation, float | None, bool]:
        """Evaluate a policy.

        Returns:
            The evaluation; the mean return over further episodes too, None where the policy does not seem to be the
            best; and whether the policy is the best so far.
        """
        result = self._played(policy, self._episodes, SELECTION_SEED)
        confirmed = self._confirmed(policy, result)
        if confirmed is None or confirmed < self.best:
            return result, confirmed, False
        self.best, self.first = confirmed, score_of(result)
        return result, confirmed, True

    def _confirmed(self, policy: Policy, result: Evaluation) -> float | None:
        """Play a policy that seems to be the best in further episodes, and return the mean over all of them.

        A policy that falls in half of its episodes may well stay up in its first five
        (docs/lab/selection-and-cloning.md).
        """
        score, episodes = score_of(result), len(result.episodes)
        if score < (self.first if self._paired else self.best):
            return None
        further = self._played(policy, CONFIRMATIONS * episodes, CONFIRMATION_SEED)
        return (score + CONFIRMATIONS * score_of(further)) / (1 + CONFIRMATIONS)

    def _played(self, policy: Policy, episodes: int, seed: int) -> Evaluation:
        result = self._play(policy, episodes, seed + self._seed)
        self.steps += sum(episode.length for episode in result.episodes)
        return result


def score_of(result: Evaluation) -> float:
    """Return what selects: the learned return, or the environment's where that is what is learnt from."""
    return result.true.mean if result.learned is None else result.learned.mean
