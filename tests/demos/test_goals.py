import json

import numpy as np
import pytest

from rexd.demos.goals import Goals
from rexd.errors import SpaceMismatchError

ROWS = np.arange(24, dtype=np.float64).reshape(4, 6)


def test_the_goal_interface_is_found_by_its_names():
    names = ("achieved_goal[0]", "achieved_goal[1]", "desired_goal[0]", "desired_goal[1]", "observation[0]")
    assert Goals.named(names) == Goals((2, 3), (0, 1))
    nested = ("achieved_goal/kettle[0]", "achieved_goal/lamp[0]", "desired_goal/lamp[0]", "desired_goal/kettle[0]")
    assert Goals.named(nested) == Goals((2, 3), (1, 0))


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("observation[0]", "desired_goal[0]"),
        ("desired_goal[0]", "achieved_goal[0]", "achieved_goal[1]"),
        ("desired_goals[0]", "achieved_goals[0]"),
    ],
)
def test_other_names_are_no_goals(names):
    assert Goals.named(names) is None


@pytest.mark.parametrize(
    "goals",
    [Goals((0, 1), (4, 5)), Goals((0, 1), (4, 5), "achieved-desired"), Goals((0, 1), (4, 5), "desired-achieved")],
)
def test_another_goal_leaves_what_is_achieved_and_all_other_columns(goals):
    goal = np.array([7.0, -3.0])
    changed = goals.exchanged(ROWS, goal)
    np.testing.assert_allclose(goals.achieved(changed), goals.achieved(ROWS))
    np.testing.assert_allclose(changed[:, [0, 1]], np.tile(goal, (4, 1)))
    np.testing.assert_array_equal(changed[:, 2:4], ROWS[:, 2:4])
    np.testing.assert_allclose(goals.difference(changed), goals.achieved(ROWS) - goal)
    np.testing.assert_array_equal(ROWS, np.arange(24).reshape(4, 6))


def test_what_relative_columns_hold():
    row = np.array([[1.0, 0.25]])  # the goal, and the column relative to it
    assert Goals((0,), (1,), "achieved-desired").achieved(row) == 1.25
    assert Goals((0,), (1,), "desired-achieved").achieved(row) == 0.75
    assert Goals((0,), (1,)).achieved(row) == 0.25
    found = [Goals((0,), (1,), kind).difference(row).item() for kind in ("achieved-desired", "desired-achieved", None)]
    assert found == [0.25, -0.25, -0.75]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (((4, 5), (8,)), r"goal has 2 columns, \[4, 5\], and what is reached has 1, \[8\]; expected as many"),
        (((), ()), "expected as many, and one at least"),
        (((4, 5), (5, 6)), "share a column; expected each column once"),
        (((4,), (-1,)), "none below 0"),
        (((4,), (5,), "far"), "relative is 'far'; expected one of achieved-desired, desired-achieved"),
    ],
)
def test_columns_that_cannot_be_those_of_goals(columns, message):
    with pytest.raises(SpaceMismatchError, match=message):
        Goals(*columns)


def test_columns_that_do_not_exist():
    with pytest.raises(SpaceMismatchError, match=r"x\.npz: .* in \[8, 9\], but there are 9 observation columns"):
        Goals((4, 5), (8, 9)).check(9, "x.npz")


def test_a_round_trip_through_json():
    for goals in (Goals((4, 5), (8, 9), "achieved-desired"), Goals((0,), (1,))):
        assert Goals.from_dict(json.loads(json.dumps(goals.to_dict()))) == goals
