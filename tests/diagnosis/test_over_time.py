"""Whether the beginning of demonstrations, repeated, would be paid like all of them."""

from dataclasses import replace

import numpy as np
import pytest
from measured import Fake, sight

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.diagnosis.over_time import time_findings

STEPS = 60
RISING = np.linspace(0.0, 10.0, STEPS + 1)
TURNING = np.sin(0.7 * np.arange(STEPS + 1))


def shown(state, novelty, count=3):
    """Trajectories with this course of their state; the first column is the novelty of each row by ``Fake``."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        noise = 0.05 * rng.normal(size=(STEPS + 1, 2))
        obs = np.column_stack([np.broadcast_to(novelty, STEPS + 1), state + noise[:, 0], noise[:, 1]])
        made.append(Trajectory.from_steps(obs.astype(np.float32), np.zeros((STEPS, 1), np.float32)))
    return Demonstrations(tuple(made))


def found(demonstrations, model=None):
    return list(time_findings(sight(model=model or Fake(), demonstrations=demonstrations)))


def test_a_beginning_that_is_paid_like_a_late_part_which_lies_elsewhere():
    (each,) = found(shown(RISING, 1.0))
    assert (each.severity, each.code) == ("warning", "beginning-pays-as-much")
    assert "would earn 100% of what the demonstrations earn" in each.message
    assert "(AUROC 1.00)" in each.message


def test_the_late_part_of_a_gait_is_like_its_beginning():
    assert found(shown(TURNING, 1.0)) == []


def test_a_beginning_that_is_paid_less():
    late = np.where(np.arange(STEPS + 1) < STEPS / 3, 3.0, 0.5)  # which 1 / (1 + L) pays 0.25 and 0.67
    assert found(shown(RISING, late)) == []


def test_ends_have_a_worth_of_their_own():
    assert [each.severity for each in found(shown(RISING, 1.0), Fake(horizon=50))] == ["info"]


class Timed(Fake):
    """The later, the more novel."""

    def novelty_of(self, rows):
        return rows.step.astype(np.float32)


def test_what_is_repeated_is_paid_at_the_time_at_which_it_is_repeated():
    (each,) = found(shown(RISING, 1.0), Timed())
    assert "would earn 100% of what the demonstrations earn" in each.message


@pytest.mark.parametrize("count", [2, 5])
def test_rows_of_a_selection_are_looked_at_by_their_steps(count):
    assert len(found(shown(RISING, 1.0, count).subsample(3))) == 1


def test_one_trajectory_has_no_others_to_be_compared_with():
    assert found(shown(RISING, 1.0, count=1)) == []
    assert found(None) == []


def test_trajectories_without_early_rows_are_left_out():
    demos = shown(RISING, 1.0)
    last = demos.trajectories[-1]
    some = replace(demos, trajectories=(*demos.trajectories[:-1], last.rows(slice(40, None))))
    assert len(found(some)) == 1
    none = replace(demos, trajectories=tuple(t.rows(slice(40, None)) for t in demos))
    assert found(none) == []
