"""Where a reward is flat and where it ends."""

import numpy as np
import pytest
from measured import Fake

from rexd.diagnosis.shape import shape_of

EXPERT = np.array([0.8, 0.7, 0.9, 0.1], np.float32)


def logarithmic(anchor):
    return lambda novelty: np.clip(1.0 - np.log1p(novelty) / np.log1p(anchor), 0.0, 1.0)


def test_an_exponential_reward_falls_most_around_one_over_sigma():
    found = shape_of(Fake(pays=lambda novelty: np.exp(0.1 * np.log(0.9) * novelty)), 1.0, EXPERT)
    rate = -0.1 * np.log(0.9)
    assert found.at_expert == pytest.approx(np.exp(-rate))
    assert found.fall == pytest.approx(np.exp(-rate) - np.exp(-2 * rate), abs=1e-6)
    assert found.steepest == pytest.approx(0.25, abs=1e-3)  # e^-x - e^-2x is largest at ln 2
    assert found.steepest_at == pytest.approx(np.log(2) / rate, rel=0.1)
    assert found.ends_at == pytest.approx(np.log(100) / rate, rel=0.2)


@pytest.mark.parametrize("anchor", [10.0, 50.0, 1e4])
def test_a_logarithmic_reward_falls_nearly_evenly(anchor):
    found = shape_of(Fake(pays=logarithmic(anchor)), 1.0, EXPERT)
    assert found.fall > 0.55 * found.steepest
    assert found.ends_at == pytest.approx(anchor, rel=0.2)


def test_a_reward_that_never_ends_says_so():
    assert shape_of(Fake(pays=lambda novelty: np.full(len(novelty), 0.4)), 1.0, EXPERT).ends_at is None


def test_novelty_is_measured_in_the_given_unit():
    in_ones, in_tens = (shape_of(Fake(pays=lambda n, u=u: np.exp(-n / u)), u, EXPERT) for u in (1.0, 10.0))
    assert in_tens.fall == pytest.approx(in_ones.fall, rel=1e-5)
    assert in_tens.ends_at == in_ones.ends_at


def test_expert_rows_that_are_paid_little_are_counted():
    assert shape_of(Fake(), 1.0, EXPERT).paid_little == 0.25
