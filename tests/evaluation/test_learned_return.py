"""The learned return of an episode, where demonstrations end in terminal states and where they do not."""

import numpy as np
import pytest

from rexd.demos.trajectory import Trajectory
from rexd.evaluation.evaluate import learned_return
from rexd.reward.base import RewardModel
from rexd.reward.controls import ConstantReward


def trajectory(steps, *, terminated):
    return Trajectory.from_steps(np.zeros((steps + 1, 2)), np.zeros((steps, 1)), terminated=terminated)


@pytest.mark.parametrize(("steps", "terminated", "expected"), [(5, True, 10.0), (5, False, 5.0), (30, False, 10.0)])
def test_finishing_early_costs_nothing_and_being_slow_gains_nothing(steps, terminated, expected):
    class One(RewardModel):
        fit = novelty_of = save = None
        horizon = 10

        def reward_of(self, rows):
            return np.ones(len(rows), np.float32)

    One.__abstractmethods__ = frozenset()
    assert learned_return(trajectory(steps, terminated=terminated), One()) == expected


def test_without_a_horizon_all_steps_count():
    class One(ConstantReward):
        def reward_of(self, rows):
            return np.ones(len(rows), np.float32)

    assert learned_return(trajectory(30, terminated=True), One()) == 30.0
