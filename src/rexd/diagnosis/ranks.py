"""Whether more of the learned return means more of the true one: their rank correlation over trajectories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rexd.demos.trajectory import Trajectory
from rexd.diagnosis.probe import Estimator
from rexd.errors import DemonstrationError
from rexd.evaluation.statistics import percentile_interval
from rexd.reward.ends import times_counted
from rexd.reward.rows import Rows

LEAST = 3  # trajectories; two are in order or in the reverse of it, whatever the reward
RESAMPLES = 1000


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of learned and true return.

    Attributes:
        spearman: The correlation of the ranks, from -1 to 1; None where all learned or all true returns are equal.
        low: Lower end of the bootstrap interval of ``spearman`` over trajectories, of 95%; None likewise.
        high: Its upper end.
        trajectories: The number of trajectories.
    """

    spearman: float | None
    low: float | None
    high: float | None
    trajectories: int


def learned_return(model: Estimator, trajectory: Trajectory) -> float:
    """Return what a reward pays for one trajectory, over the horizon where demonstrations end in terminal states."""
    rows = Rows.of_trajectory(trajectory)
    paid = model.paid(rows, model.novelty_of(rows)).astype(np.float64)
    if model.horizon is not None:
        paid *= times_counted(trajectory.steps, trajectory.terminated, model.horizon)
    return float(paid.sum())


def rank_correlation(model: Estimator, trajectories: Iterable[Trajectory], source: str, seed: int) -> RankCorrelation:
    """Compare the order of learned and true returns.

    Raises:
        DemonstrationError: A trajectory has no rewards, or there are too few.
    """
    learned, true = [], []
    for number, trajectory in enumerate(trajectories):
        if trajectory.total_reward is None:
            raise DemonstrationError(
                f"{source}: trajectory {number} does not record the environment's reward at every step; expected "
                "rewards, with which the learned return is compared. Give --data a file that has them"
            )
        learned.append(learned_return(model, trajectory))
        true.append(trajectory.total_reward)
    if len(true) < LEAST:
        raise DemonstrationError(
            f"{source}: has {len(true)} trajectories; expected {LEAST} or more, whose returns are put in order"
        )
    x, y = np.array(learned), np.array(true)
    rng = np.random.default_rng(seed)
    found = [spearman(x[pick], y[pick]) for pick in rng.integers(len(x), size=(RESAMPLES, len(x)))]
    defined = np.array([value for value in found if value is not None])
    low, high = (None, None) if not len(defined) else map(float, percentile_interval(defined))
    value = spearman(x, y)
    return RankCorrelation(value, None if value is None else low, None if value is None else high, len(x))


def spearman(x: ArrayLike, y: ArrayLike) -> float | None:
    """Return Spearman's rank correlation of two columns (n,); None where one of them never varies."""
    one, other = ranks(x), ranks(y)
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return None if size == 0.0 else float(one @ other) / size


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Return the ranks of values (n,) from 0; equal values share the mean of theirs."""
    x = np.asarray(values, np.float64)
    ordered = np.sort(x)
    return (np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right") - 1) / 2.0
