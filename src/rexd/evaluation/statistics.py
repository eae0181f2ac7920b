"""What a handful of runs says about a method, and how sure it is.

Few runs and heavy tails make means and their standard errors misleading in reinforcement learning. The interquartile
mean with a stratified bootstrap is what Agarwal et al. 2021 recommend ("Deep Reinforcement Learning at the Edge of
the Statistical Precipice", arXiv 2108.13264).
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
    """A number for each row, such as ``iqm``, ``np.mean`` or ``np.median``."""

    def __call__(self, x: Float64, /, *, axis: int) -> Any:
        """(..., n) -> (...) for ``axis=-1``."""
        ...


@dataclass(frozen=True)
class Summary:
    """Returns in six numbers.

    Attributes:
        mean: Their mean.
        std: Their sample standard deviation (n - 1 in the denominator), 0 for a single one.
        iqm: Their interquartile mean.
        low: Lower end of the bootstrap interval of ``iqm``.
        high: Its upper end. A single return has an interval of no width, which is no certainty.
        n: How many there are.
    """

    mean: float
    std: float
    iqm: float
    low: float
    high: float
    n: int


def iqm(x: ArrayLike, axis: int | None = None) -> Any:
    """Interquartile mean: the mean of the middle half (Agarwal et al. 2021, section 4.3).

    Where a quarter of the values is no whole number, those at its edge count in part, so that the mean is always
    over exactly half of the weight. (scipy's ``trim_mean``, which the authors use, rounds the quarter down; the two
    agree for multiples of 4.)

    Args:
        x: Any shape.
        axis: Along which to take it; all values together by default.

    Returns:
        A float, or an array without ``axis``.
    """
    values = np.asarray(x, dtype=np.float64)
    values = values.reshape(-1) if axis is None else np.moveaxis(values, axis, -1)
    n = values.shape[-1]
    if n == 0:
        raise ValueError("the interquartile mean of no values does not exist; expected at least one")
    edges = np.clip(np.arange(n + 1), n / 4, 3 * n / 4)
    # The weight of a value is the part of its place in the order that lies in the middle half.
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
    """Percentile bootstrap interval, stratified by task (Agarwal et al. 2021, section 4.1).

    Runs are drawn with replacement within each task, never across tasks, and the statistic is taken over all tasks
    and runs together. With few runs (under about 10 in all) such intervals are too narrow.

    Args:
        samples: (runs,) or (tasks, runs), or one (runs,) for each task where their numbers differ; of several tasks,
            normalise the scores first.
        statistic: Called once with all resamples (resamples, tasks * runs) and ``axis=-1``.
        confidence: Share of the resamples within the interval.
        resamples: How many.
        seed: Of the resampling.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: The samples are empty, not finite or of another shape, or a number is out of range.
    """
    drawn = resample(samples, resamples=resamples, seed=seed)
    low, high = percentile_interval(statistic(np.concatenate(drawn, axis=-1), axis=-1), confidence)
    return float(low), float(high)


def resample(samples: Samples, *, resamples: int = 2000, seed: int | np.random.Generator = 0) -> list[Float64]:
    """Draw runs with replacement within each task.

    Args:
        samples: As for ``bootstrap_interval``.
        resamples: How often.
        seed: Of the draws, or where they come from.

    Returns:
        For each task its runs drawn anew, (resamples, runs).

    Raises:
        ValueError: The samples are empty, not finite or of another shape.
    """
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; expected 1 or more")
    random = np.random.default_rng(seed)
    return [runs[random.integers(0, len(runs), size=(resamples, len(runs)))] for runs in strata(samples)]


def strata(samples: Samples) -> list[Float64]:
    """The runs of each task, (runs,) each, checked.

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
    """The two ends, (2, ...), between which the middle share of the statistics (resamples, ...) lies."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected between 0 and 1")
    ends: Float64 = np.quantile(statistics, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return ends


def summarise(
    returns: Sequence[float] | Float64, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Summary:
    """Sum up the returns (n,) of one task, with a bootstrap interval of their interquartile mean.

    Give one number a training run (the mean of its episodes) to speak of a method, and one an episode to speak of
    one policy: episodes of one policy say nothing about the spread between runs.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"returns have shape {values.shape}; expected (n,)")
    low, high = bootstrap_interval(values, iqm, confidence=confidence, resamples=resamples, seed=seed)
    return Summary(
        mean=float(values.mean()),
        std=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        iqm=iqm(values),
        low=low,
        high=high,
        n=len(values),
    )
