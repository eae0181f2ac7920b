"""AUROC by ranks, its interval, and the share of a probe that passes for the expert."""

import numpy as np
import pytest

from rexd.diagnosis.separation import separate


def test_auroc_counts_pairs_and_ties_by_half():
    expert, probe = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    pairs = [(p > e) + 0.5 * (p == e) for e in expert for p in probe]
    assert separate(expert, probe, seed=0).auroc == pytest.approx(np.mean(pairs))


def test_auroc_of_many_rows_is_that_of_all_pairs():
    rng = np.random.default_rng(0)
    expert, probe = rng.normal(size=333).round(1), rng.normal(0.7, 1.5, size=501).round(1)
    by_pairs = np.mean((probe > expert[:, None]) + 0.5 * (probe == expert[:, None]))
    assert separate(expert, probe, seed=0).auroc == pytest.approx(by_pairs)


@pytest.mark.parametrize(("shift", "auroc"), [(100.0, 1.0), (0.0, 0.5), (-100.0, 0.0)])
def test_apart_alike_and_the_wrong_way_round(shift, auroc):
    expert = np.arange(50.0)
    found = separate(expert, expert + shift, seed=0)
    assert found.auroc == auroc
    assert found.low <= auroc <= found.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = 0.7602  # P(N(1, 1) > N(0, 1))
    found = [separate(rng.normal(size=200), rng.normal(1.0, 1.0, 200), seed) for seed in range(100)]
    assert 88 <= sum(each.low <= truth <= each.high for each in found) <= 100


def test_rows_that_follow_one_another_are_no_new_evidence():
    rng = np.random.default_rng(0)
    expert, probe = rng.normal(size=40), rng.normal(0.5, 1.0, 40)
    once = separate(expert, probe, seed=0)
    often = separate(np.repeat(expert, 50), np.repeat(probe, 50), seed=0)
    assert often.auroc == pytest.approx(once.auroc)
    assert often.high - often.low > 0.8 * (once.high - once.low)


def test_the_share_that_passes_is_below_the_experts_95th_percentile():
    expert = np.arange(1.0, 101.0)
    assert separate(expert, np.array([1.0, 94.0, 96.0, 1000.0]), seed=0).accepted == 0.5


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(0)
    expert, probe = rng.normal(size=100), rng.normal(size=100)
    assert separate(expert, probe, seed=3) == separate(expert, probe, seed=3)


def test_a_single_row_of_each_has_an_auroc():
    found = separate(np.array([1.0]), np.array([2.0]), seed=0)
    assert (found.auroc, found.low, found.high) == (1.0, 1.0, 1.0)
