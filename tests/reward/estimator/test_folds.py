import numpy as np
import pytest
import torch
from circling import TINY
from hypothesis import given, settings
from hypothesis import strategies as st

from rexd.errors import DemonstrationError
from rexd.reward.estimator.folds import MINIMUM_ROWS, assign_folds
from rexd.reward.red.config import REDConfig
from rexd.reward.red.fitting import distil, make_networks


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 30), min_size=2, max_size=12), folds=st.integers(2, 6))
def test_a_trajectory_is_never_split(lengths, folds):
    trajectory = np.repeat(np.arange(len(lengths)), lengths)
    if len(trajectory) < 2 * MINIMUM_ROWS:
        return
    fold = assign_folds(trajectory, folds)
    assert fold.shape == trajectory.shape
    for number in range(len(lengths)):
        assert len(set(fold[trajectory == number])) == 1
    assert sorted(set(fold)) == list(range(min(folds, len(lengths))))  # every part is used, and none is empty


def test_a_single_trajectory_is_cut_into_blocks_of_time():
    fold = assign_folds(np.zeros(103, np.int64), 5)
    assert (np.diff(fold) >= 0).all()
    sizes = np.bincount(fold)
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= 1


def test_a_short_trajectory_has_fewer_parts_of_enough_rows():
    assert np.bincount(assign_folds(np.zeros(11, np.int64), 5)).tolist() == [6, 5]
    assert np.bincount(assign_folds(np.zeros(2 * MINIMUM_ROWS, np.int64), 9)).min() >= MINIMUM_ROWS


@pytest.mark.parametrize("trajectory", [np.zeros(7, np.int64), np.array([0, 0, 0, 1, 1, 1, 2])])
def test_too_few_rows(trajectory):
    with pytest.raises(DemonstrationError, match=r"7 transitions are too few.*[Uu]se more trajectories"):
        assign_folds(trajectory, 5)


@pytest.mark.parametrize("k", [0, 2])
def test_model_k_never_sees_part_k(k):
    config = REDConfig(**TINY)
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    fold = assign_folds(np.repeat(np.arange(6), 10), 3)
    clean, poisoned = (distilled(config, rows, fold) for rows in (x, poison(x, fold == k)))
    for before, after in zip(clean.parameters(), poisoned.parameters(), strict=True):
        assert torch.equal(before[k], after[k])
        assert before.isfinite().all()
        others = [j for j in range(3) if j != k]
        assert after[others].isnan().any(dim=(1, 2)).all()  # the others do: the poison works


def distilled(config, x, fold):
    target, predictor = make_networks(config, x.shape[1], int(fold.max()) + 1)
    distil(target, predictor, x, fold, config)
    return predictor


def poison(x, where):
    poisoned = x.clone()
    poisoned[torch.from_numpy(where)] = float("nan")
    return poisoned
