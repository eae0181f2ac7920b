"""Demonstrations without a fault: noisy oscillators, each from its own phase, steered by what is observed."""

from dataclasses import replace

import numpy as np

from rexd.demos import Demonstrations, Trajectory


def oscillators(count=6, steps=120, seed=0, terminated=False, **changes) -> Demonstrations:
    random = np.random.default_rng(seed)
    trajectories = []
    for _ in range(count):
        length = steps + int(random.integers(0, 20)) if terminated else steps
        phase = random.uniform(0, 2 * np.pi) + 0.3 * np.arange(length + 1)
        rows = np.stack([np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(phase / 2)], axis=1)
        rows = (rows + 0.05 * random.normal(size=rows.shape)).astype(np.float32)
        actions = np.clip(0.6 * rows[:-1, :2] + 0.1 * random.normal(size=(length, 2)), -0.95, 0.95).astype(np.float32)
        rewards = 1 + 0.1 * random.normal(size=length)
        trajectories.append(Trajectory.from_steps(rows, actions, terminated=terminated, rewards=rewards))
    return Demonstrations(tuple(trajectories), **changes)


def changed(demos, change) -> Demonstrations:
    """``change(number, trajectory)`` gives the fields that differ."""
    return replace(
        demos, trajectories=tuple(replace(t, **change(number, t)) for number, t in enumerate(demos.trajectories))
    )
