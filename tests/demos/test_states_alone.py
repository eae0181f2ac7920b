"""Demonstrations whose actions were not recorded."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from gymnasium.spaces import Box, Discrete

from rexd.demos import Demonstrations, Trajectory, fit_to_spaces
from rexd.demos.states_alone import check_inputs, no_actions, without_actions
from rexd.errors import DemonstrationError, SpaceMismatchError

ROWS = np.arange(18.0).reshape(6, 3)


def recorded(actions: np.ndarray | None = None) -> Demonstrations:
    acts = np.ones((5, 2)) if actions is None else actions
    return Demonstrations(tuple(Trajectory.from_steps(ROWS + n, acts, rewards=np.ones(5)) for n in range(3)))


@pytest.mark.parametrize("actions", [None, np.array([0, 1, 2, 1, 0]), np.ones((5, 2), np.int64)])
def test_what_is_left_when_actions_are_left_out(actions: np.ndarray | None) -> None:
    whole = recorded(actions).first(2)
    states = without_actions(whole)
    assert not states.has_actions
    assert (states.act_dim, states.n_actions) == (0, None)
    assert [len(t) for t in states] == [5, 5]
    assert states.unused[0].actions.shape == (5, 0)
    assert states.transitions().act.shape == (10, 0)
    np.testing.assert_array_equal(states.transitions().next_obs, whole.transitions().next_obs)
    assert states.returns == whole.returns
    assert states.notes == ("left the actions out",)
    assert without_actions(states) is states
    assert "no action columns" in repr(states)
    assert "no action columns" in repr(states.trajectories[0])


def test_selections_keep_states_alone() -> None:
    states = without_actions(recorded()).subsample(2, offset=1)
    assert states.lengths.tolist() == [2, 2, 2]
    assert states.transitions().act.shape == (6, 0)
    assert states.unused_transitions() is not None


def test_states_with_and_without_actions_are_no_set() -> None:
    with pytest.raises(DemonstrationError, match=r"actions of shape \(0,\)"):
        Demonstrations((*recorded().trajectories, Trajectory.from_steps(ROWS, no_actions(5))))


@pytest.mark.parametrize("actions", [Box(-1, 1, (4,)), Discrete(3)])
def test_an_environment_checks_the_observations_alone(actions: object) -> None:
    states = without_actions(recorded())
    assert fit_to_spaces(states, Box(-1, 1, (3,)), actions) is states
    with pytest.raises(SpaceMismatchError, match="3 observation columns, the environment has 2"):
        fit_to_spaces(states, Box(-1, 1, (2,)), actions)


def test_there_is_nothing_to_clip() -> None:
    states = without_actions(recorded())
    assert states.clip_actions(np.zeros(2), np.zeros(2)) is states


def test_a_reward_of_actions_is_refused() -> None:
    with pytest.raises(DemonstrationError, match=r"there are no actions.*--reward\.inputs state-next-state"):
        check_inputs(without_actions(recorded()), "state-action")
    check_inputs(without_actions(recorded()), "state")
    check_inputs(recorded(), "state-action")
