"""Copies of demonstrations with other goals, on a point that walks along a line."""

from dataclasses import replace

import numpy as np
import pytest

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.other_goals import at_goals, goals_of, rows_for_goals, stops, with_goal, with_other_goals
from rexd.demos.trajectory import Trajectory
from rexd.errors import SpaceMismatchError

GOALS = Goals((1,), (2,), "achieved-desired")
GOAL = 4.0


def walk(steps=8, *, terminated=False, rewards=True):
    """Columns: a mark of the row, the goal, and the place minus the goal; the place moves by 0.5 a step."""
    place = 0.5 * np.arange(steps + 1)
    observations = np.stack([np.arange(steps + 1.0), np.full(steps + 1, GOAL), place - GOAL], axis=1)
    paid = np.arange(float(steps)) if rewards else None
    return Trajectory.from_steps(observations, np.full((steps, 1), 0.5), terminated=terminated, rewards=paid)


def shown(*trajectories):
    return Demonstrations(trajectories or (walk(),), goals=GOALS)


def test_a_copy_ends_where_it_reaches_its_goal():
    t = walk()
    found = with_other_goals(shown(t), copies=3)
    assert found.trajectories[0] is t
    copies = found.trajectories[1:]
    assert len(copies) == 3
    for copy in copies:
        goal = copy.observations[0, 1]
        np.testing.assert_allclose(copy.next_observations[-1, 2], 0.0)  # at the goal
        np.testing.assert_allclose(copy.observations[:, 1], goal)
        np.testing.assert_allclose(copy.observations[:, 2], 0.5 * np.arange(len(copy)) - goal)
        np.testing.assert_array_equal(copy.observations[:, 0], np.arange(len(copy)))  # the rows of the trajectory
        np.testing.assert_array_equal(copy.actions, 0.5)
        assert copy.truncated.tolist() == [False] * (len(copy) - 1) + [True]
        assert not copy.terminated.any()
        assert copy.rewards is None  # those of another goal
    assert len({float(copy.observations[0, 1]) for copy in copies}) == 3
    assert GOAL not in [copy.observations[0, 1] for copy in copies]


def test_copies_end_in_a_terminal_state_where_the_trajectory_does():
    found = with_other_goals(shown(walk(terminated=True)), copies=2)
    for copy in found.trajectories:
        assert copy.terminated.tolist() == [False] * (len(copy) - 1) + [True]
        assert not copy.truncated.any()


def test_rows_of_a_selection_keep_their_time_and_their_own_next_observation():
    thin = shown(walk(12)).subsample(3, offset=1)
    found = with_other_goals(thin, copies=2)
    assert len(found) == 3
    assert found.unused == thin.unused
    for copy in found.trajectories[1:]:
        np.testing.assert_array_equal(copy.steps, 1 + 3 * np.arange(len(copy)))
        np.testing.assert_allclose(copy.next_observations[-1, 2], 0.0)


def test_a_next_observation_that_is_not_known_is_no_goal():
    t = walk()
    blind = replace(t, next_known=np.zeros(len(t), bool))
    assert len(with_other_goals(shown(blind))) == 1


def test_equal_ways_lie_between_the_stops():
    # it waits, walks 10 and stands at the goal
    places = np.array([[0.0]] * 5 + [[float(k)] for k in range(1, 11)] + [[10.0]] * 20)
    assert places[stops(places, 4), 0].tolist() == [2, 4, 6, 8]
    assert len(stops(np.zeros((6, 2)), 4)) == 0
    assert len(stops(np.zeros((1, 2)), 4)) == 0
    assert stops(np.array([[0.0], [1.0]]), 4).tolist() == [1]


def test_a_goal_that_names_tell_needs_no_other_description():
    demos = Demonstrations((walk(),), column_names=("observation[0]", "desired_goal[0]", "achieved_goal[0]"))
    assert goals_of(demos) == Goals((1,), (2,))
    assert len(with_other_goals(demos, copies=2)) == 3


def test_demonstrations_without_goals_stay_as_they_are():
    demos = Demonstrations((walk(),))
    assert with_other_goals(demos) is demos


def test_a_goal_beyond_the_columns_is_refused():
    with pytest.raises(SpaceMismatchError, match="but there are 3 observation columns"):
        Demonstrations((walk(),), goals=Goals((1,), (3,)))
    with pytest.raises(SpaceMismatchError, match="but there are 3 observation columns"):
        replace(shown(), goals=Goals((1,), (7,)))


def test_a_selection_of_columns_forgets_which_ones_know_the_goal():
    assert shown().select_columns([0, 2]).goals is None


def test_with_goal_leaves_the_trajectory_as_it_is():
    t = walk()
    before = t.observations.copy()
    with_goal(t, GOALS, np.array([9.0]), 3)
    np.testing.assert_array_equal(t.observations, before)


def arriving(terminated=False):
    """It walks ten steps to the goal and stays there for another ten."""
    place = np.concatenate([0.4 * np.arange(11), np.full(10, GOAL)])
    observations = np.stack([np.arange(21.0), np.full(21, GOAL), place - GOAL], axis=1)
    return Trajectory.from_steps(observations, np.zeros((20, 1)), terminated=terminated)


def test_an_expert_is_at_its_goal_after_nine_tenths_of_its_way():
    whole = replace(shown(arriving(), walk()), unused=(arriving(),))
    kept = at_goals(whole)
    assert kept.trajectories[0].observations[:, 0].tolist() == list(range(9, 20))
    assert np.abs(kept.trajectories[0].next_observations[:, 2]).max() < 0.1
    assert len(kept.trajectories[1]) == 1
    assert len(kept.unused[0]) == 11
    assert at_goals(replace(whole, goals=None)).lengths.tolist() == [20, 8]


def test_where_nothing_moves_every_row_is_at_the_goal():
    still = arriving().rows(np.arange(12, 20))
    assert at_goals(shown(still)).lengths.tolist() == [8]


def test_a_reward_estimates_the_support_of_staying_or_else_of_the_way():
    at_goal, spread = rows_for_goals(shown(arriving()), stays=True)
    assert at_goal.lengths.tolist() == [11]
    assert spread.lengths.tolist() == with_other_goals(shown(arriving())).lengths.tolist()
    way, nothing = rows_for_goals(shown(arriving(terminated=True)), stays=False)
    assert nothing is None
    assert len(way) == len(spread)
    few, nothing = rows_for_goals(shown(walk()), stays=True)  # it is at its goal in a single row
    assert nothing is None
    assert len(few) > 1
    plain = replace(shown(), goals=None)
    assert rows_for_goals(plain, stays=True) == (plain, None)
