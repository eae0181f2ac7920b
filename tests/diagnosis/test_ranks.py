"""The rank correlation of learned and true return."""

from dataclasses import replace

import numpy as np
import pytest
from circling import circling
from measured import Fake

from rexd.demos.trajectory import Trajectory
from rexd.diagnosis.ranks import learned_return, rank_correlation, ranks, spearman
from rexd.errors import DemonstrationError


def test_equal_values_share_a_rank():
    np.testing.assert_array_equal(ranks([3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0])


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 1000], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [5, 6, 7, 8, 7], 0.8207826816681233),  # as scipy.stats.spearmanr has it
        ([1, 1, 1], [1, 2, 3], None),
    ],
)
def test_spearman(x, y, expected):
    assert spearman(x, y) == (expected if expected is None else pytest.approx(expected))


def graded(novelties, rewards=True):
    """Trajectories of 5 steps: their first column is what the fake calls novelty, and the true return falls with it."""
    made = []
    for novelty in novelties:
        obs = np.full((6, 2), novelty, np.float32)
        paid = np.full(5, -float(novelty)) if rewards else None
        made.append(Trajectory.from_steps(obs, np.zeros((5, 1), np.float32), rewards=paid))
    return made


def test_a_reward_that_falls_as_the_true_return_does_is_in_order():
    found = rank_correlation(Fake(), graded([1.0, 3.0, 2.0, 7.0, 5.0]), "data.npz", seed=0)
    assert found.spearman == pytest.approx(1.0)
    assert found.trajectories == 5
    assert found.low > 0.9


def test_the_wrong_order_is_seen():
    made = [replace(t, rewards=-t.rewards) for t in graded([1.0, 3.0, 2.0, 7.0])]
    assert rank_correlation(Fake(), made, "data.npz", seed=0).spearman == pytest.approx(-1.0)


def test_one_return_everywhere_has_no_order():
    made = [replace(t, rewards=np.ones(5)) for t in graded([1.0, 3.0, 2.0])]
    found = rank_correlation(Fake(), made, "data.npz", seed=0)
    assert (found.spearman, found.low, found.high) == (None, None, None)


def test_returns_up_to_a_horizon_count_the_end_for_the_steps_that_are_left():
    obs = np.full((4, 2), 1.0, np.float32)
    success = Trajectory.from_steps(obs, np.zeros((3, 1), np.float32), terminated=True)
    assert learned_return(Fake(), success) == pytest.approx(3 * 0.5)
    assert learned_return(Fake(horizon=10), success) == pytest.approx(10 * 0.5)


@pytest.mark.parametrize(
    ("trajectories", "message"),
    [
        (graded([1.0, 2.0, 3.0], rewards=False), r"data\.npz: trajectory 0 does not record .* expected rewards"),
        (graded([1.0, 2.0]), r"data\.npz: has 2 trajectories; expected 3 or more"),
        ([replace(t, rewards=np.full(5, np.nan)) for t in graded([1.0, 2.0, 3.0])], "trajectory 0 does not record"),
    ],
)
def test_data_without_returns_are_refused(trajectories, message):
    with pytest.raises(DemonstrationError, match=message):
        rank_correlation(Fake(), trajectories, "data.npz", seed=0)


def test_trajectories_of_demonstrations_are_read_one_by_one():
    made = circling(trajectories=3)
    paid = [replace(t, rewards=np.arange(len(t), dtype=float)) for t in made]
    found = rank_correlation(Fake(), iter(paid), "memory", seed=0)
    assert found.spearman is None
