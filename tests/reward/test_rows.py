import numpy as np
import pytest
from circling import circling

from rexd.reward.rows import Rows


def four():
    return Rows(np.arange(8.0).reshape(4, 2), np.arange(4), None, np.array([0, 1, 2, 3]))


@pytest.mark.parametrize("index", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])])
def test_an_index_takes_the_same_rows_of_every_column(index):
    chosen = four()[index]
    assert len(chosen) == 2
    assert chosen.obs.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert chosen.act.tolist() == [1, 2]
    assert chosen.next_obs is None
    assert chosen.step.tolist() == [1, 2]


def test_parts_are_joined_end_to_end():
    joined = Rows.joined([four()[:1], four()[1:]])
    for name in ("obs", "act", "step"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(four(), name))
    assert joined.next_obs is None


def test_trajectories_and_transitions_give_the_same_rows():
    demos = circling()
    rows = Rows.of_transitions(demos.transitions())
    apart = Rows.joined([Rows.of_trajectory(trajectory) for trajectory in demos])
    for name in ("obs", "act", "next_obs", "step"):
        np.testing.assert_array_equal(getattr(rows, name), np.asarray(getattr(apart, name), getattr(rows, name).dtype))
