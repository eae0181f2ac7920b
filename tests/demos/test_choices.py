import numpy as np
import pytest

from rexd.demos.choices import describe, describe_one, factors_of, one_hot
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, SpaceMismatchError

OBSERVATIONS = np.arange(8.0).reshape(4, 2)
ACTIONS = np.array([[2, 0], [0, 1], [1, 1], [2, 1]])


def demos(actions=ACTIONS, **settings):
    return Demonstrations((Trajectory.from_steps(OBSERVATIONS, np.array(actions)),), **settings)


def test_one_choice_has_a_column_for_each_option():
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
    assert one_hot(np.zeros((5, 4), np.int64), 3).shape == (5, 4, 3)


def test_several_choices_lie_side_by_side():
    np.testing.assert_array_equal(one_hot(ACTIONS[:2], (3, 2)), [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]])


def test_words():
    assert (factors_of(4), factors_of((2, 3))) == ((4,), (2, 3))
    assert describe(4) == "4 discrete actions"
    assert (describe_one(4), describe_one((3, 2))) == ("one of 4", "discrete choices among [3, 2] options")
    assert describe((3, 2)) == "discrete choices among [3, 2] options"


def test_several_choices_count_what_occurs():
    found = demos()
    assert (found.n_actions, found.act_dim) == ((3, 2), 5)
    assert "discrete choices among [3, 2] options" in repr(found)
    assert found.transitions().act.dtype == np.int64
    assert demos(n_actions=(4, 2)).act_dim == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_actions": 3}, r"n_actions is 3, but actions have shape \(4, 2\)"),
        ({"n_actions": (3, 2, 2)}, "but actions have shape"),
        ({"n_actions": (3, 1)}, r"run from 0 to 2; expected 0 to 2, for choices among \[3, 1\]"),
        ({"actions": -ACTIONS}, "run from -2 to 0"),
    ],
)
def test_numbers_that_do_not_fit(settings, message):
    with pytest.raises(DemonstrationError, match=message):
        demos(**settings)


class TestSpaces:
    spaces = pytest.importorskip("gymnasium").spaces
    box = spaces.Box(-9, 9, (2,))

    @pytest.mark.parametrize("dtype", [np.int64, np.float32])
    def test_integers_and_columns_of_whole_numbers_are_choices(self, dtype):
        fitted = fit_to_spaces(demos(ACTIONS.astype(dtype)), self.box, self.spaces.MultiDiscrete([3, 4]))
        assert fitted.n_actions == (3, 4)
        np.testing.assert_array_equal(fitted.transitions().act, ACTIONS)

    def test_truth_values_are_choices_among_two(self):
        fitted = fit_to_spaces(demos(ACTIONS.clip(0, 1)), self.box, self.spaces.MultiBinary(2))
        assert fitted.n_actions == (2, 2)

    @pytest.mark.parametrize(
        ("actions", "options", "message"),
        [
            (ACTIONS, [2, 2], "use action 2, the environment has actions 0 to 1"),
            (ACTIONS + 0.5, [4, 4], "continuous action columns"),
            (ACTIONS, [3, 2, 2], "2 discrete choices"),
        ],
    )
    def test_others_are_refused(self, actions, options, message):
        with pytest.raises(SpaceMismatchError, match=message):
            fit_to_spaces(demos(actions), self.box, self.spaces.MultiDiscrete(options))
