"""How well a probe is told from the expert: AUROC with an interval, and the share that passes for the expert.

Rows are told apart by a number that is larger the less they are like the expert's: their novelty, or the negative of
what they are paid. The AUROC is the probability that it is larger for a row of the probe than for one of the expert
(ties count half): 1 where all are told apart, and 0.5 where none is. Rows that follow one another are alike, so that
the bootstrap draws blocks of consecutive rows instead of rows (Künsch 1989); drawn one by one they would promise too
narrow an interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rexd.evaluation.statistics import percentile_interval

BLOCKS = 40
RESAMPLES = 1000
PASSES = 0.95  # quantile of the expert's rows, below which a row passes for the expert's

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """How a probe compares with the expert.

    Attributes:
        auroc: The probability that a row of the probe is less like the expert's than a row of the expert.
        low: Lower end of the bootstrap interval of ``auroc``, of 95%.
        high: Its upper end.
        accepted: The share of the probe that is paid more than the worst-paid 5% of the expert's rows.
    """

    auroc: float
    low: float
    high: float
    accepted: float


def separate(expert: NDArray[np.floating], probe: NDArray[np.floating], seed: int) -> Separation:
    """Compare rows of a probe (M,) with held-out expert rows (N,), in order of time, by what tells them apart."""
    wins, pairs = _wins(_blocks(expert), _blocks(probe))
    rng = np.random.default_rng(seed)
    drawn = [rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64) for n in wins.shape]
    won = np.einsum("ri,ij,rj->r", drawn[0], wins, drawn[1], optimize=True)
    met = np.einsum("ri,ij,rj->r", drawn[0], pairs, drawn[1], optimize=True)
    low, high = percentile_interval(won / met)
    accepted = float((probe < np.quantile(expert, PASSES)).mean())
    return Separation(float(wins.sum() / pairs.sum()), float(low), float(high), accepted)


def _blocks(values: NDArray[np.floating]) -> list[Float64]:
    """Cut values into blocks of consecutive ones."""
    return np.array_split(values.astype(np.float64), min(BLOCKS, len(values)))


def _wins(expert: list[Float64], probe: list[Float64]) -> tuple[Float64, Float64]:
    """Return how often a row of each probe block is the more novel one, and how often two rows meet: (n, m) each."""
    values = np.concatenate(probe)
    starts = np.cumsum([0, *(len(block) for block in probe[:-1])])
    wins = []
    for block in expert:
        ordered = np.sort(block)
        below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
        wins.append(np.add.reduceat(below / 2.0, starts))
    pairs = np.outer([len(block) for block in expert], [len(block) for block in probe])
    return np.array(wins), pairs.astype(np.float64)
