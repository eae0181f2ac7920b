import numpy as np
import pytest

from rexd.evaluation.statistics import Summary, bootstrap_interval, iqm, summarise


@pytest.mark.parametrize("n", [4, 8, 20, 100])
def test_iqm_is_the_trimmed_mean_for_multiples_of_four(n):
    stats = pytest.importorskip("scipy.stats")
    x = np.random.default_rng(n).standard_cauchy(n)
    assert iqm(x) == pytest.approx(stats.trim_mean(x, 0.25))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([3.0], 3.0),
        ([1.0, 5.0], 3.0),
        ([0.0, 1.0, 100.0], (0.25 * 0 + 1 + 0.25 * 100) / 1.5),
        ([0.0, 1.0, 2.0, 3.0, 100.0], (0.75 * 1 + 2 + 0.75 * 3) / 2.5),
        ([100.0, 2.0, 1.0, 0.0], 1.5),
    ],
)
def test_iqm_counts_values_at_the_edge_in_part(x, expected):
    assert iqm(x) == pytest.approx(expected)
    assert isinstance(iqm(x), float)


def test_iqm_along_an_axis():
    x = np.random.default_rng(0).normal(size=(3, 7, 2))
    assert iqm(x, axis=1) == pytest.approx(np.array([[iqm(x[i, :, j]) for j in range(2)] for i in range(3)]))
    assert iqm(x) == pytest.approx(iqm(x.ravel()))


def test_iqm_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        iqm([])


def test_the_interval_of_the_mean_is_that_of_the_normal_distribution():
    x = np.random.default_rng(1).normal(5, 2, size=400)
    low, high = bootstrap_interval(x, np.mean, resamples=5000)
    half = 1.96 * x.std(ddof=1) / 20
    assert (low, high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.02)
    narrow = bootstrap_interval(x, np.mean, confidence=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_the_interval_follows_the_seed():
    x = np.random.default_rng(2).normal(size=12)
    assert bootstrap_interval(x, iqm, seed=1) == bootstrap_interval(x, iqm, seed=1)
    assert bootstrap_interval(x, iqm, seed=1) != bootstrap_interval(x, iqm, seed=2)


def test_runs_are_drawn_within_their_task():
    between = np.array([[0.0] * 5, [1000.0] * 5])  # tasks differ, runs do not
    assert bootstrap_interval(between, np.mean) == (500.0, 500.0)
    low, high = bootstrap_interval(between.ravel(), np.mean)
    assert low < 400
    assert high > 600


@pytest.mark.parametrize("statistic", [iqm, np.mean, np.median, np.max])
def test_any_statistic_with_an_axis_serves(statistic):
    x = np.random.default_rng(3).normal(size=(2, 9))
    low, high = bootstrap_interval(x, statistic)
    assert low <= statistic(x.reshape(1, -1), axis=-1)[0] <= high + 1e-12


def test_coverage_is_about_the_confidence():
    random = np.random.default_rng(4)
    inside = 0
    for k in range(300):
        low, high = bootstrap_interval(random.normal(size=30), iqm, resamples=300, seed=k)
        inside += low <= 0 <= high
    assert 0.88 < inside / 300 < 0.99


@pytest.mark.parametrize(
    ("samples", "settings", "message"),
    [
        ([], {}, "shape"),
        (np.zeros((2, 3, 4)), {}, r"\(3, 4\), \(3, 4\)"),
        ([1.0, np.nan], {}, "1 of 2"),
        ([1.0], {"confidence": 95}, "95"),
        ([1.0], {"resamples": 0}, "resamples is 0"),
    ],
)
def test_wrong_samples_are_named(samples, settings, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(samples, iqm, **settings)


def test_a_summary():
    summary = summarise([1.0, 2.0, 3.0, 4.0])
    assert (summary.mean, summary.iqm, summary.n) == (2.5, 2.5, 4)
    assert summary.std == pytest.approx(np.std([1, 2, 3, 4], ddof=1))
    assert 1 <= summary.low < 2.5 < summary.high <= 4
    assert summarise([7.0]) == Summary(7.0, None, 7.0, None, None, 1)  # one return has neither spread nor interval
    with pytest.raises(ValueError, match=r"expected \(n,\)"):
        summarise(np.zeros((2, 2)))
