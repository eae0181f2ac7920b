import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.demos import Demonstrations
from rexd.inspection.data.looks.ends import early_ends, missing_ends, time_limits


def terminated(demos):
    return changed(demos, lambda number, t: {"terminated": t.truncated | t.terminated, "truncated": t.terminated})


def test_good_ends():
    for demos in (oscillators(), oscillators(terminated=True), oscillators().subsample(7)):
        assert time_limits(500)(demos) == time_limits(None)(demos) == early_ends(demos) == missing_ends(demos) == []


@pytest.mark.parametrize("limit", [120, None])
def test_a_time_limit_that_is_marked_as_terminal(limit):
    (found,) = time_limits(limit)(terminated(oscillators()))
    assert (found.severity, found.code) == ("warning", "time-limit-terminated")
    assert "6 of 6" in found.message
    assert "--time-limit-is-truncation" in found.mend
    assert ("--env" in found.mend) == (limit is None)


def test_some_of_them_at_the_time_limit():
    demos = Demonstrations(
        oscillators(3, 90, terminated=True).trajectories + terminated(oscillators(5, 200)).trajectories
    )
    for limit in (200, None):
        (found,) = time_limits(limit)(demos)
        assert "5 of 8" in found.message


def test_one_that_ended_at_the_limit_may_have_fallen():
    demos = Demonstrations(oscillators(4, 60).trajectories + terminated(oscillators(1, 200)).trajectories)
    assert time_limits(200)(demos) == time_limits(None)(demos) == []


def test_ends_that_are_the_wrong_way_round():
    demos = changed(oscillators(), lambda number, t: {"terminated": np.arange(len(t)) < len(t) - 1})
    (found,) = early_ends(demos)
    assert (found.severity, found.code) == ("error", "inverted-ends")


def test_an_end_in_every_row():
    demos = oscillators(1, 50)
    single = tuple(demos.trajectories[0].rows(slice(n, n + 1)) for n in range(50))
    (found,) = early_ends(Demonstrations(single))
    assert (found.severity, found.code) == ("error", "inverted-ends")


def test_an_end_within_a_trajectory():
    demos = changed(oscillators(), lambda number, t: {"truncated": t.truncated | (np.arange(len(t)) == 60)})
    (found,) = early_ends(demos)
    assert (found.severity, found.code) == ("error", "early-ends")


def test_no_end():
    (found,) = missing_ends(changed(oscillators(), lambda number, t: {"truncated": np.zeros(len(t), bool)}))
    assert (found.severity, found.code) == ("info", "missing-ends")
