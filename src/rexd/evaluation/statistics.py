"""Statistics of a few runs: the interquartile mean and bootstrap intervals.

In reinforcement learning, few runs and heavy tails make means and their standard errors misleading. Agarwal et al. 2021
recommend the interquartile mean with a stratified bootstrap ("Deep Reinforcement Learning at the Edge of the
Statistical Precipice", arXiv 2108.13264).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
Samples = Sequence[Any] | NDArray[Any]
"""Scores (runs,) of one task, (tasks, runs) of several, or one (runs,) for each task."""


class Statistic(Protocol):
    """A function that gives one number for each row, such as ``iqm``, ``np.mean`` or ``np.median``."""

    def __call__(self, x: Float64, /, *, axis: int) -> Any:
        """Map (..., n) to (...) for ``axis=-1``."""
        ...


@dataclass(frozen=True)
class Summary:
    """A summary of returns in six numbers.

    Attributes:
        mean: The mean.
        std: The sample standard deviation (n - 1 in the denominator); None for a single return, which has none.
        iqm: The interquartile mean.
        low: The lower end of the bootstrap interval of ``iqm``; None for a single return, which tells nothing of it.
        high: Its upper end; None likewise.
        n: The number of returns.
    """

    mean: float
    std: float | None
    iqm: float
    low: float | None
    high: float | None
    n: int


def iqm(x: ArrayLike, axis: int | None = None) -> Any:
    """Return the interquartile mean: the mean of the middle half (Agarwal et al. 2021, section 4.3).

    If a quarter of the number of values is not a whole number, the values at the edges count in part, so that the mean
    is always over exactly half of the weight. (scipy's ``trim_mean``, which the authors use, rounds the quarter down;
    the two agree for multiples of 4.)

    Args:
        x: Values of any shape.
        axis: The axis along which to take the mean; None takes all values together.

    Returns:
        A float; with ``axis``, an array without that axis.
    """
    values = np.asarray(x, dtype=np.float64)
    values = values.reshape(-1) if axis is None else np.moveaxis(values, axis, -1)
    n = values.shape[-1]
    if n == 0:
        raise ValueError("the interquartile mean of no values does not exist; expected at least one")
    edges = np.clip(np.arange(n + 1), n / 4, 3 * n / 4)
    # Value k of the sorted values covers the interval [k, k + 1]; its weight is the part that lies in the middle half.
    result = np.sort(values, axis=-1) @ (np.diff(edges) / (n / 2))
    return float(result) if result.ndim == 0 else result


def bootstrap_interval(
    samples: Samples,
    statistic: Statistic,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval, stratified by task (Agarwal et al. 2021, section 4.1).

    Runs are drawn with replacement within each task, never across tasks, and the statistic is taken over all tasks and
    runs together. With few runs (under about 10 in all) such intervals are too narrow.

    Args:
        samples: (runs,) or (tasks, runs) scores, or one (runs,) for each task if their numbers differ. Scores of
            several tasks have to be normalised first.
        statistic: Called once with all resamples, (resamples, all runs), and ``axis=-1``.
        confidence: The share of the resamples within the interval.
        resamples: The number of resamples.
        seed: The seed of the resampling.

    Returns:
        The lower and the upper end of the interval.

    Raises:
        ValueError: The samples are empty, not finite or of another shape, or a number is out of range.
    """
    drawn = resample(samples, resamples=resamples, seed=seed)
    low, high = percentile_interval(statistic(np.concatenate(drawn, axis=-1), axis=-1), confidence)
    return float(low), float(high)


def resample(samples: Samples, *, resamples: int = 2000, seed: int | np.random.Generator = 0) -> list[Float64]:
    """Draw runs with replacement within each task.

    Args:
        samples: Scores, as for ``bootstrap_interval``.
        resamples: The number of resamples.
        seed: The seed of the resampling, or a random generator.

    Returns:
        The resamples of each task, (resamples, runs).

    Raises:
        ValueError: The samples are empty, not finite or of another shape.
    """
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; expected 1 or more")
    random = np.random.default_rng(seed)
    return [runs[random.integers(0, len(runs), size=(resamples, len(runs)))] for runs in strata(samples)]


def strata(samples: Samples) -> list[Float64]:
    """Check the scores, and return those of each task, (runs,).

    Raises:
        ValueError: The samples are empty, not finite or of another shape.
    """
    nested = len(samples) > 0 and any(np.ndim(part) > 0 for part in samples)
    tasks = [np.asarray(part, dtype=np.float64) for part in (samples if nested else [samples])]
    if any(runs.ndim != 1 or len(runs) == 0 for runs in tasks):
        shapes = ", ".join(str(runs.shape) for runs in tasks)
        raise ValueError(
            f"samples have shape {shapes}; expected (runs,), (tasks, runs) or a list of (runs,), none of them 0"
        )
    if wrong := sum(int((~np.isfinite(runs)).sum()) for runs in tasks):
        raise ValueError(f"{wrong} of {sum(map(len, tasks))} samples are NaN or infinite")
    return tasks


def percentile_interval(statistics: Float64, confidence: float = 0.95) -> Float64:
    """Return the two ends, (2, ...), between which the middle share of the statistics (resamples, ...) lies."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected between 0 and 1")
    ends: Float64 = np.quantile(statistics, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return ends


def summarise(
    returns: Sequence[float] | Float64, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Summary:
    """Sum up the returns (n,) of one task, with a bootstrap interval of their interquartile mean.

    For a statement about a method, give one number for each training run, the mean of its episodes. For a statement
    about one policy, give one number for each episode: they say nothing about the spread between runs.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"returns have shape {values.shape}; expected (n,)")
    low, high = bootstrap_interval(values, iqm, confidence=confidence, resamples=resamples, seed=seed)
    several = len(values) > 1
    return Summary(
        mean=float(values.mean()),
        std=float(values.std(ddof=1)) if several else None,
        iqm=iqm(values),
        low=low if several else None,
        high=high if several else None,
        n=len(values),
    )
