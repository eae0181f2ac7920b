import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.inspection.data.looks.actions import clipped_actions, saturated_actions, unscaled_actions

LOW, HIGH = np.full(2, -1.0), np.full(2, 1.0)


def scaled(factor, clip=np.inf):
    return changed(oscillators(), lambda number, t: {"actions": np.clip(factor * t.actions, -clip, clip)})


def test_actions_within_the_bounds():
    for look in (clipped_actions, saturated_actions, unscaled_actions):
        assert look(LOW, HIGH)(oscillators()) == []


def test_actions_beyond_the_bounds():
    (found,) = clipped_actions(LOW, HIGH)(scaled(2.0))
    assert (found.severity, found.code) == ("warning", "clipped-actions")
    assert "--clip-actions" in found.mend
    share = np.mean(np.abs(np.concatenate([t.actions for t in scaled(2.0)])) > 1)
    assert f"{share:.1%} of" in found.message


def test_a_few_actions_beyond_the_bounds_are_no_fault():
    def one(number, t):
        actions = t.actions.copy()
        actions[3, 0] = 1.5
        return {"actions": actions}

    (found,) = clipped_actions(LOW, HIGH)(changed(oscillators(), one))
    assert found.severity == "info"


def test_rounding_is_not_beyond_the_bounds():
    rounded = changed(oscillators(), lambda number, t: {"actions": np.full_like(t.actions, 1 + 1e-6)})
    assert clipped_actions(LOW, HIGH)(rounded) == []
    assert clipped_actions(np.full(2, -np.inf), np.full(2, np.inf))(scaled(9.0)) == []


def test_actions_at_the_bounds():
    (found,) = saturated_actions(LOW, HIGH)(scaled(4.0, clip=1.0))
    assert (found.severity, found.code) == ("info", "saturated-actions")
    assert saturated_actions(LOW, HIGH)(scaled(1.0)) == []


@pytest.mark.parametrize("bound", [2.0, 10.0])
def test_actions_that_were_clipped_to_one_where_the_bounds_are_wider(bound):
    (found,) = unscaled_actions(bound * LOW, bound * HIGH)(scaled(2.0, clip=1.0))
    assert (found.severity, found.code) == ("warning", "unscaled-actions")
    assert f"exactly {1 / bound:.3g} times the bounds" in found.message
    assert "--scale-actions" in found.mend


def test_actions_far_beyond_the_bounds():
    (found,) = unscaled_actions(LOW, HIGH)(scaled(20.0))
    assert (found.severity, found.code) == ("warning", "unscaled-actions")


def test_small_actions_may_be_an_expert_at_rest():
    (found,) = unscaled_actions(LOW, HIGH)(scaled(0.01))
    assert (found.severity, found.code) == ("info", "unscaled-actions")


def test_a_controller_with_a_few_forces_is_not_unscaled():
    few = changed(oscillators(), lambda number, t: {"actions": 0.5 * np.sign(t.actions)})
    assert unscaled_actions(LOW, HIGH)(few) == []


def test_without_bounds_nothing_is_unscaled():
    assert unscaled_actions(np.full(2, -np.inf), HIGH)(scaled(20.0)) == []
