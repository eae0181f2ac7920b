import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.inspection.data.looks.returns import low_returns, missing_rewards

GOOD = {
    "Hopper": [3586.6, 3589.3, 3590.2, 3593.4],
    "HalfCheetah": [7325, 7507, 7583, 7830],
    "Pendulum, in lumps": [-0.5, -1, -118, -121, -125, -126, -129, -240, -243, -250, -350, -548],
    "Reacher": [-7.3, -7.0, -6.5, -5, -4.2, -3.8, -3.5, -3, -2.1, -0.8],
}


def paid(returns):
    demos = oscillators(len(returns), 30)
    return changed(demos, lambda number, t: {"rewards": np.full(len(t), returns[number] / len(t))})


@pytest.mark.parametrize("task", GOOD)
def test_good_returns(task):
    assert low_returns(paid(GOOD[task])) == []


@pytest.mark.parametrize("task", ["Hopper", "HalfCheetah"])
def test_a_trajectory_that_failed(task):
    (found,) = low_returns(paid([*GOOD[task], 300.0]))
    assert (found.severity, found.code, found.mend) == ("warning", "low-return", "--trajectories 4")
    assert "1 of 5" in found.message
    assert "--leave-out 0" in low_returns(paid([300.0, *GOOD[task]]))[0].mend


def test_too_few_to_tell_or_none_recorded():
    assert low_returns(paid([3000, 3010, 100])) == []
    assert low_returns(changed(oscillators(), lambda number, t: {"rewards": None})) == []


def test_rewards_that_are_nan_are_a_finding_and_no_returns():
    demos = paid([3000, 3010, 2990, 3005, 100])
    assert missing_rewards(demos) == []
    holes = changed(demos, lambda n, t: {"rewards": np.where((np.arange(len(t)) < 3) & (n < 2), np.nan, t.rewards)})
    (found,) = missing_rewards(holes)
    assert (found.severity, found.code) == ("info", "missing-rewards")
    assert "6 rows are NaN, in 2 of 5 trajectories" in found.message
    assert low_returns(holes) == []
    assert holes.returns is None
