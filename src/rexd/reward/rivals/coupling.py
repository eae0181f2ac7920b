"""The greedy coupling of an agent's rows with demonstrated ones (Dadashi et al. 2021, arXiv 2006.04678, algorithm 1).

All demonstrated rows together weigh 1, and so do the steps of an episode. A step takes its weight from the nearest
demonstrated rows that have some left, and what it takes is gone for the rest of the episode. Staying where the expert
was once therefore costs more and more.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rexd.reward.encoder import FAR

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
GONE = 1e-6  # of the weight of one demonstrated row; less is rounding


class Coupling:
    """The coupling of one episode so far."""

    def __init__(self, atoms: Float32, horizon: int) -> None:
        """Begin an episode.

        Args:
            atoms: (N, C) standardised demonstrated rows.
            horizon: The number of steps that weigh as much as all demonstrated rows.
        """
        self._atoms, self._horizon = atoms, horizon
        self._left: Float64 = np.full(len(atoms), 1.0 / len(atoms))
        self._alive: NDArray[np.int64] = np.arange(len(atoms))
        self._before: int | None = None

    def follows(self, step: int) -> bool:
        """Whether a row of this step can come after the rows so far."""
        return self._before is None or step > self._before

    def cost(self, row: Float32, step: int) -> float:
        """Couple a row (C,), and return the mean distance to what it was coupled with.

        A row of a selection stands for the steps since the row before it, too. Where no weight is left, as after more
        steps than the horizon, the row is as far as can be.
        """
        weight = (1 if self._before is None else step - self._before) / self._horizon
        self._before = step
        gone = GONE / len(self._atoms)
        missing, paid = weight, 0.0
        distance = np.sqrt(np.square(self._atoms[self._alive] - row).sum(axis=1, dtype=np.float64))
        while missing > gone and len(self._alive):
            some = min(math.ceil(missing * len(self._atoms)) + 1, len(self._alive))
            near = np.argpartition(distance, some - 1)[:some]
            near = near[np.argsort(distance[near], kind="stable")]
            held = self._left[self._alive[near]]
            taken = np.minimum(held, np.maximum(missing - (np.cumsum(held) - held), 0.0))
            paid += float(taken @ distance[near])
            missing -= float(taken.sum())
            self._left[self._alive[near]] -= taken
            stays = self._left[self._alive] > gone
            self._alive, distance = self._alive[stays], distance[stays]
        coupled = weight - max(missing, 0.0)
        return min(paid / coupled, FAR) if coupled > gone else FAR
