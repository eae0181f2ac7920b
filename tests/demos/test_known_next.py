"""The rows whose next observation was recorded."""

from __future__ import annotations

import numpy as np

from rexd.demos import Demonstrations, Trajectory
from rexd.demos.known_next import with_known_next

ROWS = np.arange(12.0).reshape(6, 2)


def test_other_rows_and_trajectories_without_any_go() -> None:
    cut = Trajectory.from_steps(ROWS, np.ones((6, 1)))
    whole = Trajectory.from_steps(ROWS, np.ones((5, 1)))
    lost = cut.rows(np.array([5]))
    found = with_known_next(Demonstrations((cut, lost, whole), unused=(lost, cut)))
    assert found is not None
    assert [len(t) for t in found] == [5, 5]
    assert [len(t) for t in found.unused] == [5]
    assert found.transitions().next_known.all()


def test_none_is_left_where_none_was_recorded() -> None:
    lost = Trajectory.from_steps(ROWS, np.ones((6, 1))).rows(np.array([5]))
    assert with_known_next(Demonstrations((lost,))) is None
