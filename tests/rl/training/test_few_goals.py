"""Demonstrations that show few goals are not cloned, unless the settings say otherwise."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.trajectory import Trajectory
from rexd.rl.config import TrainConfig
from rexd.rl.training.few_goals import FEW, SETTINGS, for_few_goals, shown_goals

GOALS = Goals((0,), (1,), "achieved-desired")
DEFAULT = TrainConfig()


def shown(*desired, goals=GOALS):
    """One trajectory of 5 steps for each goal."""
    made = [
        Trajectory.from_steps(np.stack([np.full(6, goal), np.arange(6.0) - goal], axis=1), np.ones((5, 1)))
        for goal in desired
    ]
    return Demonstrations(tuple(made), goals=goals)


def test_goals_are_counted_over_trajectories():
    assert shown_goals(shown(2.0, 3.0, 2.0)) == 2
    assert shown_goals(shown(2.0, 3.0, goals=None)) is None


def test_few_goals_are_not_cloned_and_it_is_said():
    config, note = for_few_goals(DEFAULT, shown(2.0))
    assert {name: getattr(config, name) for name in SETTINGS} == SETTINGS
    assert replace(config, **{name: getattr(DEFAULT, name) for name in SETTINGS}) == DEFAULT
    assert note is not None
    assert "1 goal," in note
    assert "cloning_weight 0" in note


def test_what_was_chosen_stays():
    chosen = replace(DEFAULT, cloning_weight=0.3, warm_start=500)
    config, note = for_few_goals(chosen, shown(2.0, 3.0))
    assert (config.cloning_weight, config.warm_start) == (0.3, 500)
    assert config.demonstration_share == SETTINGS["demonstration_share"]
    assert note is not None
    assert "2 goals" in note
    assert "cloning_weight" not in note


@pytest.mark.parametrize("demonstrations", [shown(*np.arange(FEW) + 0.5), shown(2.0, goals=None)])
def test_many_goals_and_none_change_nothing(demonstrations):
    assert for_few_goals(DEFAULT, demonstrations) == (DEFAULT, None)
