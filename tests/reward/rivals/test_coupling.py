"""The greedy coupling: what a step takes is gone for the rest of the episode."""

import numpy as np
import pytest

from rexd.reward.encoder import FAR
from rexd.reward.rivals.coupling import Coupling

LINE = np.arange(4, dtype=np.float32)[:, None]  # four demonstrated rows, each of weight 1/4


def costs(atoms, rows, horizon, steps=None):
    episode = Coupling(atoms, horizon)
    return [episode.cost(row, step) for step, row in zip(steps or range(len(rows)), rows, strict=True)]


def test_an_episode_like_the_expert_costs_nothing():
    assert costs(LINE, LINE, 4) == [0.0, 0.0, 0.0, 0.0]
    assert costs(LINE, LINE[::-1], 4) == [0.0, 0.0, 0.0, 0.0]


def test_standing_still_costs_more_and_more():
    assert costs(LINE, np.zeros((4, 1), np.float32), 4) == pytest.approx([0.0, 1.0, 2.0, 3.0])


def test_a_step_that_weighs_more_than_a_row_takes_from_several():
    assert costs(LINE, np.zeros((2, 1), np.float32), 2) == pytest.approx([0.5, 2.5])


def test_a_step_that_weighs_less_leaves_some():
    assert costs(LINE, np.zeros((8, 1), np.float32), 8) == pytest.approx([0, 0, 1, 1, 2, 2, 3, 3])


def test_beyond_the_horizon_nothing_is_near():
    assert costs(LINE, np.zeros((6, 1), np.float32), 4)[4:] == [FAR, FAR]


def test_a_row_of_a_selection_stands_for_the_steps_since_the_last():
    assert costs(LINE, np.zeros((2, 1), np.float32), 4, steps=[0, 2]) == pytest.approx([0.0, 1.5])


def test_the_whole_is_the_cost_of_an_assignment_that_uses_every_row_once():
    rng = np.random.default_rng(0)
    atoms, rows = rng.normal(size=(50, 3)).astype(np.float32), rng.normal(size=(50, 3)).astype(np.float32)
    left, expected = list(range(50)), []
    for row in rows:  # as many rows as steps: each step takes the nearest row that is left
        nearest = min(left, key=lambda n: np.linalg.norm(atoms[n].astype(float) - row))
        left.remove(nearest)
        expected.append(np.linalg.norm(atoms[nearest].astype(float) - row))
    assert costs(atoms, rows, 50) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("atoms", "horizon"), [(7, 50), (300, 40), (1000, 3)])
def test_all_weight_is_spent_by_the_horizon(atoms, horizon):
    rng = np.random.default_rng(1)
    episode = Coupling(rng.normal(size=(atoms, 2)).astype(np.float32), horizon)
    found = [episode.cost(row, step) for step, row in enumerate(rng.normal(size=(horizon, 2)).astype(np.float32))]
    assert max(found) < 100.0
    assert episode.cost(np.zeros(2, np.float32), horizon) == FAR
