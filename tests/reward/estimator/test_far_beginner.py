"""Tests of a reward that has too few demonstrated rows for a way, and reaches as far as random play instead."""

import numpy as np
import pytest
from circling import TINY

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows

COLUMNS = 25


def swinging(offset, trajectories=2, seed=0) -> Demonstrations:
    """Episodes of 40 steps in which each of 25 columns swings, all of them moved by an offset."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(trajectories):
        phase = np.arange(41.0)[:, None] / 3.0 + rng.uniform(0.0, 6.0, COLUMNS)
        act = 0.5 * np.sin(phase[:-1, :1])
        made.append(Trajectory.from_steps((np.sin(phase) + offset).astype(np.float32), act.astype(np.float32)))
    return Demonstrations(tuple(made), action_bounds=(np.full(1, -1.0, np.float32), np.full(1, 1.0, np.float32)))


def rows_at(offset) -> Rows:
    return Rows.of_transitions(swinging(offset, seed=1).transitions())


def fitted(trajectories=2, random_play=None) -> RED:
    shown = swinging(0.0, trajectories)
    return RED(**TINY, seed=0).fit(shown, beginner=rows_at(5.0), random_play=random_play)


def test_the_reward_reaches_random_play():
    reaching, plain = fitted(random_play=rows_at(40.0)), fitted()
    assert reaching.calibration_.anchor == pytest.approx(float(np.median(reaching.novelty_of(rows_at(40.0)))))
    assert not reaching.climbs
    assert not reaching.far
    assert (plain.reward_of(rows_at(8.0)) == 0.0).mean() > 0.9
    paid = [float(reaching.reward_of(rows_at(offset)).mean()) for offset in (20.0, 8.0, 5.0, 2.0, 0.0)]
    assert (np.diff(paid) > 0.02).all()


def test_random_play_that_is_nearer_than_the_beginner_changes_nothing():
    assert fitted(random_play=rows_at(1.0)).calibration_ == fitted().calibration_


def test_four_rows_for_each_column_show_a_way_instead():
    model = fitted(trajectories=3, random_play=rows_at(40.0))
    assert model.climbs
    assert model.calibration_ == fitted(trajectories=3).calibration_
