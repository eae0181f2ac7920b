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
    samples: ArrayLike,
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
        samples: (runs,) or (tasks, runs); of several tasks, normalise the scores first.
        statistic: Called once with all resamples (resamples, tasks * runs) and ``axis=-1``.
        confidence: Share of the resamples within the interval.
        resamples: How many.
        seed: Of the resampling.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: The samples are empty, not finite or of another shape, or a number is out of range.
    """
    values = np.asarray(samples, dtype=np.float64)
    values = values[None] if values.ndim == 1 else values
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"samples have shape {np.shape(samples)}; expected (runs,) or (tasks, runs), none of them 0")
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {values.size} samples are NaN or infinite")
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence is {confidence} and resamples {resamples}; expected 0 to 1, and 1 or more")
    tasks, runs = values.shape
    drawn = np.random.default_rng(seed).integers(0, runs, size=(resamples, tasks, runs))
    resampled = values[np.arange(tasks)[:, None], drawn]  # (resamples, tasks, runs)
    statistics = statistic(resampled.reshape(resamples, tasks * runs), axis=-1)
    low, high = np.quantile(statistics, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


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
