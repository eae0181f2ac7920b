import numpy as np
import pytest

from rexd.evaluation.comparison import normalise, performance_profile, probability_of_improvement
from rexd.evaluation.statistics import bootstrap_interval, iqm, resample


def test_scores_are_0_for_random_play_and_1_for_the_demonstrations():
    # Reacher: returns are negative, and 95% of the way from random play to the demonstrations is -5.85
    scores = normalise([-41.8, -3.96, -5.852, 0.0], random=-41.8, demonstrations=-3.96)
    assert scores == pytest.approx([0.0, 1.0, 0.95, 1.1046], abs=1e-4)
    with pytest.raises(ValueError, match="not above"):
        normalise([1.0], random=3.0, demonstrations=3.0)


def test_a_profile_by_hand():
    profile = performance_profile([[0.2, 0.8], [0.5, 1.0]], [0.0, 0.2, 0.5, 0.9, 1.0])
    assert profile.share == pytest.approx([1.0, 0.75, 0.5, 0.25, 0.0])  # strictly above τ
    assert (profile.low <= profile.share).all()
    assert (profile.share <= profile.high).all()
    assert profile.low[0] == profile.high[0] == 1.0
    assert profile.low[-1] == profile.high[-1] == 0.0


def test_every_task_weighs_the_same_in_a_profile():
    assert performance_profile([[1.0], [0.0] * 9], [0.5]).share == pytest.approx([0.5])


def test_a_profile_falls_and_its_area_is_the_mean_score():
    scores = np.random.default_rng(0).uniform(0, 1, size=(3, 7))
    taus = np.linspace(0, 1, 2001)
    profile = performance_profile(scores, taus, resamples=50)
    assert (np.diff(profile.share) <= 0).all()
    assert np.trapezoid(profile.share, taus) == pytest.approx(scores.mean(), abs=1e-3)


def test_a_profile_follows_the_seed_and_its_band_the_confidence():
    scores = np.random.default_rng(1).normal(0.7, 0.3, size=(5, 4))
    taus = [0.4, 0.7, 1.0]
    one, same, other = (performance_profile(scores, taus, seed=s, resamples=50, confidence=0.9) for s in (0, 0, 1))
    assert (one.low == same.low).all()
    assert (one.high == same.high).all()
    assert (one.low != other.low).any() or (one.high != other.high).any()
    one = performance_profile(scores, taus)
    narrow = performance_profile(scores, taus, confidence=0.5)
    assert (narrow.high - narrow.low <= one.high - one.low).all()
    assert narrow.high[1] - narrow.low[1] < one.high[1] - one.low[1]


@pytest.mark.parametrize("taus", [[], [1.0, 0.0], [[0.0, 1.0]]])
def test_thresholds_are_checked(taus):
    with pytest.raises(ValueError, match="thresholds"):
        performance_profile([[1.0]], taus)


def test_probability_of_improvement_by_hand():
    # task 1: pairs (1,2) lost, (1,0) won, (3,2) won, (3,0) won: 3/4; task 2: (5,5) tied, (5,7) lost: 1/4
    found = probability_of_improvement([[1, 3], [5]], [[2, 0], [5, 7]])
    assert found.probability == pytest.approx((0.75 + 0.25) / 2)
    assert 0 <= found.low <= found.probability <= found.high <= 1


def test_probability_of_improvement_is_the_statistic_of_mann_and_whitney():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(2)
    x, y = random.integers(0, 5, size=9), random.integers(1, 6, size=6)
    expected = stats.mannwhitneyu(x, y).statistic / (9 * 6)
    assert probability_of_improvement([x], [y]).probability == pytest.approx(expected)


def test_improvement_over_each_other_sums_to_one_and_extremes_are_certain():
    random = np.random.default_rng(3)
    x, y = random.normal(size=(4, 5)), random.normal(size=(4, 3))
    there, back = probability_of_improvement(x, y), probability_of_improvement(y, x)
    assert there.probability + back.probability == pytest.approx(1)
    assert probability_of_improvement(x, x).probability == pytest.approx(0.5)
    better = probability_of_improvement(x + 100, y)
    assert (better.probability, better.low, better.high) == (1.0, 1.0, 1.0)


def test_improvement_needs_the_same_tasks():
    with pytest.raises(ValueError, match="2 tasks and Y of 1"):
        probability_of_improvement([[1.0], [2.0]], [[1.0]])
    with pytest.raises(ValueError, match="shape"):
        probability_of_improvement([[1.0], []], [[1.0], [2.0]])


def test_improvement_keeps_runs_within_their_task():
    # X wins every pair of every task, though Y's scores on the second exceed X's on the first
    found = probability_of_improvement([[1.0, 2.0], [101.0, 102.0]], [[0.0, 0.5], [100.0, 100.5]])
    assert (found.low, found.high) == (1.0, 1.0)


def test_tasks_may_have_different_numbers_of_runs():
    low, high = bootstrap_interval([[0.0] * 2, [1000.0] * 6], np.mean)
    assert (low, high) == (750.0, 750.0)
    assert bootstrap_interval([[1.0, 2.0], [3.0, 4.0]], iqm) == bootstrap_interval(np.array([[1, 2], [3, 4]]), iqm)
    drawn = resample([[1.0, 2.0, 3.0], [10.0]], resamples=7)
    assert [part.shape for part in drawn] == [(7, 3), (7, 1)]
    assert (drawn[1] == 10).all()
    assert set(drawn[0].ravel()) <= {1.0, 2.0, 3.0}
