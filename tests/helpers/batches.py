"""Batches of random rows, as an update takes them."""

import numpy as np

from rexd.rl.replay.batches import Batch

N = 16  # rows of a batch


def batch(seed=0, **changes):
    rng = np.random.default_rng(seed)
    arrays = {
        "obs": rng.normal(size=(N, 2)),
        "act": rng.uniform(-1, 1, (N, 2)),
        "next_obs": rng.normal(size=(N, 2)),
        "reward": rng.uniform(0, 1, N),
        "done": np.zeros(N),
        "discount": np.full(N, 0.9),
        "clone_obs": rng.normal(size=(N // 2, 2)),
        "clone_act": rng.uniform(-0.9, 0.9, (N // 2, 2)),
        "clone_own": np.zeros(N // 2),
    }
    return Batch(**{name: np.float32(array) for name, array in {**arrays, **changes}.items()})
