"""Small settings of every estimator, so that each is fitted in a moment."""

from circling import TINY

from rexd.reward.choices import ESTIMATORS

SMALL = {
    "red": {**TINY, "updates": 200},
    "nearest-neighbour": {"k": 2},
    "autoencoder": {"layers": (16,), "updates": 60, "batch_size": 32},
    "kernel-pca": {"landmarks": 100},
    "pwil": {},
}
assert set(SMALL) == set(ESTIMATORS)
RIVALS = tuple(name for name in ESTIMATORS if name != "red")
