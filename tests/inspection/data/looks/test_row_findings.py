from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.demos import Demonstrations
from rexd.inspection.data.looks.rows import duplicate_rows, duplicate_trajectories


def test_good_rows():
    assert duplicate_rows(oscillators()) == duplicate_trajectories(oscillators()) == []


@pytest.mark.parametrize(("order", "mend"), [((0, 1, 2, 0), "--trajectories 3"), ((0, 0, 1, 2), "--leave-out 1")])
def test_a_trajectory_that_is_stored_twice(order, mend):
    trajectories = oscillators().trajectories
    demos = Demonstrations(tuple(trajectories[number] for number in order))
    (found,) = duplicate_trajectories(demos)
    assert (found.severity, found.code) == ("warning", "duplicate-trajectories")
    assert "1 of 4" in found.message
    assert mend in found.mend
    assert duplicate_rows(demos) == []


def test_rows_that_are_repeated():
    demos = oscillators()
    held = tuple(t.rows(np.repeat(np.arange(len(t)), 2)) for t in demos)
    (found,) = duplicate_rows(replace(demos, trajectories=held))
    assert (found.severity, found.code) == ("warning", "duplicate-rows")
    assert "(50.0%)" in found.message
    assert "--subsample" in found.mend


def test_rows_that_two_trajectories_share():
    demos = oscillators()
    first = demos.trajectories[0]

    def share(number, t):
        return {"observations": np.concatenate([first.observations[:60], t.observations[60:]]),
                "actions": np.concatenate([first.actions[:60], t.actions[60:]])} if number else {}  # fmt: skip

    (found,) = duplicate_rows(changed(demos, share))
    assert found.severity == "warning"
    assert "300 rows" in found.message
    assert " 0 of them within" in found.message


def test_cells_of_a_grid_are_visited_again():
    demos = changed(oscillators(), lambda number, t: {"observations": np.round(t.observations),
                                                      "actions": np.round(t.actions)})  # fmt: skip
    (found,) = duplicate_rows(demos)
    assert found.severity == "info"
