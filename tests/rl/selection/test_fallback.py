import pytest

from rexd.rl.selection.fallback import Fallback


def never():
    raise AssertionError("nothing is fitted to decide")


@pytest.mark.parametrize(("earned", "kept"), [(3.9, False), (4.1, True)])
def test_a_tenth_of_what_demonstrations_earn_a_step_is_asked_for(earned, kept):
    why = Fallback(never, demonstrated=0.8).why({"learned_return": earned, "length": 50.0})
    assert (why is None) == kept


def test_short_episodes_are_judged_by_the_step():
    assert Fallback(never, demonstrated=0.8).why({"learned_return": 2.0, "length": 8.0}) is None


def test_where_demonstrations_earn_nothing_either_nothing_is_decided():
    assert Fallback(never, demonstrated=0.0).why({"learned_return": 0.0, "length": 8.0}) is None


def test_the_reason_has_both_rewards_and_the_mend():
    why = Fallback(never, demonstrated=0.8).why({"learned_return": 1.5, "length": 50.0})
    assert why is not None
    assert "0.03 a step" in why
    assert "0.8" in why
    assert "more of them" in why


def test_a_return_up_to_a_horizon_is_judged_by_the_steps_of_the_horizon():
    judge = Fallback(never, demonstrated=0.8, horizon=50)
    assert judge.why({"learned_return": 4.1, "length": 400.0}) is None
    assert judge.why({"learned_return": 3.9, "length": 8.0}) is not None
