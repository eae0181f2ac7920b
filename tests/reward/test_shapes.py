import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rexd.reward.choices import SHAPES
from rexd.reward.shapes import reward_of, sigma_at_median

ERRORS = np.float32([0.0, 1e-6, 0.003, 0.02, 0.7, 11.0, 250.0])
SIGMA, ANCHOR = 3.7, 42.0
BY_HAND = {
    "exponential": lambda e: np.exp(-SIGMA * e),
    "rational": lambda e: 1.0 / (1.0 + SIGMA * e),
    "linear": lambda e: np.clip(1.0 - e / ANCHOR, 0.0, 1.0),
    "logarithmic": lambda e: np.clip(1.0 - np.log(1.0 + SIGMA * e) / np.log(1.0 + SIGMA * ANCHOR), 0.0, 1.0),
}


def reward(errors, shape, sigma=SIGMA, anchor=ANCHOR):
    return reward_of(torch.tensor(np.float32(errors)), shape, sigma, anchor).numpy()


def test_all_shapes_are_tested_here():
    assert set(SHAPES) == set(BY_HAND)


@pytest.mark.parametrize("shape", SHAPES)
def test_formulas_against_numpy_in_double_precision(shape):
    np.testing.assert_allclose(reward(ERRORS, shape), BY_HAND[shape](ERRORS.astype(float)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", ["exponential", "rational"])
@pytest.mark.parametrize("wanted", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("median", [1e-4, 0.03, 20.0])
def test_the_wanted_reward_is_paid_at_the_median(shape, wanted, median):
    sigma = sigma_at_median(shape, median, wanted)
    assert reward([median], shape, sigma)[0] == pytest.approx(wanted, rel=1e-5)


def test_bandwidths_by_hand():
    assert sigma_at_median("exponential", 0.25, 0.5) == pytest.approx(math.log(2.0) / 0.25)
    assert sigma_at_median("rational", 0.25, 0.2) == pytest.approx(4.0 / 0.25)
    assert sigma_at_median("logarithmic", 0.25, 0.9) == 4.0  # follows its anchors alone


def test_the_logarithmic_shape_runs_from_one_at_no_error_to_zero_at_the_anchor():
    paid = reward([0.0, 0.999 * ANCHOR, ANCHOR, 1.001 * ANCHOR, 1e6 * ANCHOR, np.inf], "logarithmic")
    assert paid[0] == 1.0
    assert 0.0 < paid[1] < 1e-3
    assert paid[2] == pytest.approx(0.0, abs=1e-6)
    assert paid[3:].tolist() == [0.0, 0.0, 0.0]


def test_half_of_the_logarithmic_reward_may_end_nearer():
    near, errors = 5.0 / SIGMA, ERRORS.astype(float)
    paid = reward_of(torch.tensor(ERRORS), "logarithmic", SIGMA, ANCHOR, near).numpy()
    ends = [np.clip(1.0 - np.log1p(SIGMA * errors) / np.log1p(SIGMA * end), 0.0, 1.0) for end in (ANCHOR, near)]
    np.testing.assert_allclose(paid, np.mean(ends, axis=0), rtol=1e-5, atol=1e-7)
    assert paid[4] < reward(ERRORS, "logarithmic")[4]  # what lies near the expert is told from it
    assert paid[5] > 0.0  # and beyond there is a slope


def test_the_logarithmic_shape_falls_evenly_over_orders_of_magnitude():
    paid = reward([10.0**k for k in range(1, 6)], "logarithmic", sigma=100.0, anchor=1e6)
    np.testing.assert_allclose(np.diff(paid), np.diff(paid)[0], rtol=1e-3)


def test_parts_of_an_error_add_up_in_the_linear_shape():
    near, far = reward([1.0, 3.0], "linear"), reward([21.0, 23.0], "linear")
    assert near[0] - near[1] == pytest.approx(far[0] - far[1]) == pytest.approx(2.0 / ANCHOR)


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None)
@given(
    errors=st.lists(st.floats(0.0, 1e30), min_size=2, max_size=20),
    sigma=st.floats(1e-3, 1e3),
    anchor=st.floats(1e-3, 1e6),
)
def test_rewards_lie_in_the_unit_interval_and_never_rise_with_the_error(shape, errors, sigma, anchor):
    paid = reward(sorted(errors), shape, sigma, anchor)
    assert np.isfinite(paid).all()
    assert paid.min() >= 0.0
    assert paid.max() <= 1.0
    # the logarithm of one library may round down where its argument rises by one unit in the last place
    assert (np.diff(paid) <= 1e-6).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_rewards_fall_strictly_between_the_ends(shape):
    paid = reward(np.geomspace(1e-3, 0.9 * ANCHOR, 30), shape, sigma=0.3)
    assert (np.diff(paid) < 0.0).all()
