"""Which policy of a run is kept: the one with the highest learned return, confirmed in further episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from rexd.envs.make import Env
from rexd.evaluation.evaluate import Evaluation, evaluate
from rexd.reward.base import RewardModel
from rexd.rl.policies.policy import Policy

SELECTION_SEED = 1_000_003  # evaluations during training play other episodes than the final evaluation
CONFIRMATION_SEED = 2_000_003
CONFIRMATIONS = 3  # times as many episodes again, for a policy that seems to be the best

TIED = 2.0  # standard errors of the difference between two returns that say nothing of which is the higher one

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
        error: The standard error of ``best``.
        terminal: The number of episodes of the best policy that ended in a terminal state.
    """

    best: float = -np.inf
    first: float = -np.inf
    steps: int = 0
    error: float = 0.0
    terminal: int = 0

    @classmethod
    def from_dict(cls, progress: dict[str, Any]) -> Self:
        """Read the standing from the progress of a checkpoint."""
        return cls(
            progress["best"],
            progress.get("first", -np.inf),
            progress["selection_steps"],
            progress.get("error", 0.0),
            progress.get("terminal", 0),
        )


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
        steps = standing.steps + _steps(result)
        if score_of(result) < (standing.first if self.paired else standing.best):
            return Verdict(result, None, False, replace(standing, steps=steps))
        # A policy that falls in half of its episodes may well stay up in its first five
        # (docs/lab/selection-and-cloning.md).
        whole, further = self._confirmed(result, policy)
        steps += further
        if whole.mean < standing.best:
            return Verdict(result, whole.mean, False, replace(standing, steps=steps))
        best = Standing(whole.mean, score_of(result), steps, whole.error, whole.terminal)
        return Verdict(result, whole.mean, True, best)

    def falls_less(self, policy: Policy, standing: Standing) -> tuple[bool, Standing]:
        """Compare how often a policy and the best one end in terminal states, where no demonstration ends in one.

        That is known whatever the reward says, and decides where the returns of the two are so near to each other
        that chance may have made their order.

        Returns:
            Whether the policy ends so less often, with a return as high as the best one's or within ``TIED`` standard
            errors of it; and the standing with the steps that this took.
        """
        if not standing.terminal:
            return False, standing
        result = self.play(policy, self.episodes, SELECTION_SEED + self.seed)
        whole, further = self._confirmed(result, policy)
        tied = standing.best - whole.mean <= TIED * np.hypot(standing.error, whole.error)
        steps = standing.steps + _steps(result) + further
        return bool(tied) and whole.terminal < standing.terminal, replace(standing, steps=steps)

    def _confirmed(self, first: Evaluation, policy: Policy) -> tuple[_Whole, int]:
        """Play the further episodes; return what all of them came to, and the steps that the further ones took."""
        further = self.play(policy, CONFIRMATIONS * self.episodes, CONFIRMATION_SEED + self.seed)
        mean = (score_of(first) + CONFIRMATIONS * score_of(further)) / (1 + CONFIRMATIONS)
        episodes = (*first.episodes, *further.episodes)
        returns = [e.true_return if e.learned_return is None else e.learned_return for e in episodes]
        error = float(np.std(returns, ddof=1) / np.sqrt(len(returns)))
        return _Whole(mean, error, sum(episode.terminated for episode in episodes)), _steps(further)


class _Whole(NamedTuple):
    """The first and the further episodes of a policy: mean return, its standard error, and terminal ends."""

    mean: float
    error: float
    terminal: int


def score_of(result: Evaluation) -> float:
    """Return what selects: the learned return, or the environment's where that is what is learnt from."""
    return result.true.mean if result.learned is None else result.learned.mean


def _steps(result: Evaluation) -> int:
    return sum(episode.length for episode in result.episodes)
