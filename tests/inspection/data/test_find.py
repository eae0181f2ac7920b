import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.inspection.data import Finding, by_severity, exit_status, find
from rexd.reading.bundled import bundled_demonstrations
from rexd.reading.environment_facts import EnvironmentFacts


class Box:
    def __init__(self, columns, bound=1.0):
        self.low, self.high = np.full(columns, -bound), np.full(columns, bound)


@pytest.mark.parametrize("terminated", [False, True])
def test_good_data_has_no_finding(terminated):
    demos = oscillators(terminated=terminated)
    assert find(demos) == ()
    assert find(demos, EnvironmentFacts(None, Box(2), 1000)) == ()


def test_the_shipped_demonstrations_have_no_fault():
    found = find(bundled_demonstrations(), EnvironmentFacts(None, Box(6), 1000))
    assert [(finding.severity, finding.code) for finding in found] == [("info", "saturated-actions")]


def test_a_part_of_good_data_has_no_finding():
    demos = oscillators()
    assert find(demos.subsample(10)) == ()
    assert find(demos.first(1)) == ()
    assert find(demos.first(2)) == ()


def test_the_worst_comes_first_and_each_code_once():
    info, warning, error = Finding("info", "a", "1"), Finding("warning", "b", "2"), Finding("error", "c", "3")
    again = Finding("info", "c", "4")
    assert by_severity([info, warning, error, again]) == (error, warning, info)
    assert [exit_status(found) for found in ([], [info], [info, warning], [warning, error])] == [0, 0, 1, 2]


def test_every_transition_is_counted():
    seen, demos = [], oscillators()
    find(demos, EnvironmentFacts(None, Box(2), 1000), progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == np.cumsum(demos.lengths).tolist()
    assert {total for _, total in seen} == {demos.n_transitions}


def test_bounds_of_another_environment_are_not_compared():
    wide = changed(oscillators(), lambda number, t: {"actions": 5 * t.actions})
    assert find(wide, EnvironmentFacts(None, Box(3), None)) == ()
    assert {f.code for f in find(wide, EnvironmentFacts(None, Box(2), None))} == {"clipped-actions"}
