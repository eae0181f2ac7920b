"""Statistics over several tasks: performance profiles, and the comparison of two methods.

They follow Agarwal et al. 2021 ("Deep Reinforcement Learning at the Edge of the Statistical Precipice", arXiv
2108.13264). Tasks may have different numbers of runs: every task has the same weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rexd.evaluation.statistics import Float64, Samples, percentile_interval, resample, strata


@dataclass(frozen=True)
class Profile:
    """A performance profile and its pointwise bootstrap band.

    Attributes:
        thresholds: (t,) scores τ.
        share: (t,) shares of the runs with a score above τ.
        low: (t,) lower ends of the band.
        high: (t,) upper ends of the band.
    """

    thresholds: Float64
    share: Float64
    low: Float64
    high: Float64


@dataclass(frozen=True)
class Improvement:
    """The probability that a run of X has a better score than a run of Y, on a task drawn at random.

    Attributes:
        probability: The estimate; 0.5 if the two do not differ.
        low: The lower end of its bootstrap interval.
        high: The upper end.
    """

    probability: float
    low: float
    high: float


def normalise(returns: ArrayLike, *, random: float, demonstrations: float) -> Float64:
    """Turn returns into scores that can be averaged over tasks: 0 for random actions, 1 for the demonstrations.

    Args:
        returns: Returns of any shape.
        random: The mean return of uniformly random actions.
        demonstrations: The mean return of the demonstrations.

    Raises:
        ValueError: The demonstrations are no better than random actions.
    """
    if not demonstrations > random:
        raise ValueError(f"the demonstrations' return {demonstrations} is not above that of random play, {random}")
    scores: Float64 = (np.asarray(returns, dtype=np.float64) - random) / (demonstrations - random)
    return scores


def performance_profile(
    samples: Samples, thresholds: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Profile:
    """Return the share of runs above each score (section 4.2), which shows the whole distribution with its tails.

    Args:
        samples: Normalised scores, as for ``bootstrap_interval``.
        thresholds: (t,) scores τ, in ascending order.
        confidence: The share of the resamples within the band, at each τ.
        resamples: The number of resamples.
        seed: The seed of the resampling.
    """
    taus = np.asarray(thresholds, dtype=np.float64)
    if taus.ndim != 1 or len(taus) == 0 or (np.diff(taus) < 0).any():
        raise ValueError("thresholds are not in ascending order; expected (t,), each at least the one before")
    tasks = strata(samples)
    drawn = np.mean([_share_above(runs, taus) for runs in resample(tasks, resamples=resamples, seed=seed)], axis=0)
    low, high = percentile_interval(drawn, confidence)
    return Profile(taus, np.mean([_share_above(runs, taus) for runs in tasks], axis=0), low, high)


def probability_of_improvement(
    x: Sequence[ArrayLike],
    y: Sequence[ArrayLike],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Improvement:
    """Estimate P(X > Y) for a run of X and a run of Y on the same task, averaged over tasks (section 4.3).

    A tie counts half.

    Args:
        x: Scores of X, one (runs,) for each task; normalising makes no difference.
        y: Scores of Y on the same tasks, in the same order.
        confidence: The share of the resamples within the interval.
        resamples: The number of resamples; runs of X and of Y are drawn independently within each task.
        seed: The seed of the resampling.

    Raises:
        ValueError: X and Y have different numbers of tasks, or a task has no runs.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"X has runs of {len(x)} tasks and Y of {len(y)}; expected the same tasks, 1 or more")
    tasks_x, tasks_y = strata([np.ravel(runs) for runs in x]), strata([np.ravel(runs) for runs in y])
    random = np.random.default_rng(seed)
    drawn_x = resample(tasks_x, resamples=resamples, seed=random)
    drawn_y = resample(tasks_y, resamples=resamples, seed=random)
    low, high = percentile_interval(_wins(drawn_x, drawn_y), confidence)
    return Improvement(float(_wins(tasks_x, tasks_y)), float(low), float(high))


def _share_above(runs: Float64, taus: Float64) -> Float64:
    """Return the shares (..., t) of the runs (..., runs) above each τ (t,)."""
    shares: Float64 = (runs[..., None] > taus).mean(axis=-2)
    return shares


def _wins(x: Sequence[Float64], y: Sequence[Float64]) -> Float64:
    """Return Mann and Whitney's U over its largest value, averaged over tasks; (...) for scores (..., runs) a task."""
    pairs = [(a[..., :, None], b[..., None, :]) for a, b in zip(x, y, strict=True)]
    wins: Float64 = np.mean([((a > b) + 0.5 * (a == b)).mean(axis=(-2, -1)) for a, b in pairs], axis=0)
    return wins
