"""Trajectories end to end, each of which begins near one point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def episodes(lengths: list[int], seed: int = 0, speed: float = 0.2) -> NDArray[np.float64]:
    """Episodes of a noisy, turning walk that starts near one point."""
    rng = np.random.default_rng(seed)
    parts = []
    for steps in lengths:
        t = np.arange(steps)[:, None]
        wave = np.sin(speed * t * np.array([1.0, 1.7, 0.6, 1.1]) + np.array([0.0, 0.0, 1.0, 2.0]))
        start = rng.normal(0, 0.01, 4)
        parts.append(start + np.minimum(t / 5, 1) * (wave + 2) + rng.normal(0, 0.02, (steps, 4)) * (t > 0))
    return np.concatenate(parts)
