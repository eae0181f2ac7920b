"""Demonstrations that show little are replayed and cloned less, which is said and kept."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.goals import Goals
from rexd.demos.trajectory import Trajectory
from rexd.rl.config import TrainConfig
from rexd.rl.training.adapted import (
    FAR_SHARE,
    FEW,
    FOR_FAR_ENDS,
    FOR_FEW_GOALS,
    FOR_LESS_NOISE,
    FOR_STILL_EXPERTS,
    adapted,
    beginning_of,
    shown_goals,
)
from rexd.rl.training.context import RunContext

GOALS = Goals((0,), (1,), "achieved-desired")
DEFAULT = TrainConfig()


def shown(*desired, goals=GOALS):
    """One trajectory of 5 steps for each goal."""
    made = [
        Trajectory.from_steps(np.stack([np.full(6, goal), np.arange(6.0) - goal], axis=1), np.ones((5, 1)))
        for goal in desired
    ]
    return Demonstrations(tuple(made), goals=goals)


def settings_for(demonstrations, config=DEFAULT, coverage=1.0, far=False, horizon=None):
    """The context after the change, and what was said."""
    said = []
    context = RunContext(config, Path("run"), None, SimpleNamespace(message=said.append))
    return adapted(context, demonstrations, SimpleNamespace(coverage=coverage, far=far, horizon=horizon)), said


def test_goals_are_counted_over_trajectories():
    assert shown_goals(shown(2.0, 3.0, 2.0)) == 2
    assert shown_goals(shown(2.0, 3.0, goals=None)) is None


def test_few_goals_are_not_cloned_and_it_is_said():
    found, said = settings_for(shown(2.0))
    assert found.config == replace(DEFAULT, **FOR_FEW_GOALS)
    assert found.adapted == FOR_FEW_GOALS
    assert len(said) == 1
    assert "show 1 goal," in said[0]
    assert "cloning_weight 0" in said[0]


def test_what_was_chosen_stays():
    chosen = replace(DEFAULT, cloning_weight=0.3, warm_start=500)
    found, said = settings_for(shown(2.0, 3.0), chosen)
    assert (found.config.cloning_weight, found.config.warm_start) == (0.3, 500)
    assert found.adapted == {name: FOR_FEW_GOALS[name] for name in ("demonstration_share", "best_episodes")}
    assert "2 goals" in said[0]
    assert "cloning_weight" not in said[0]


def holds_still(*, drift=0.0, steps=20):
    """One trajectory whose second column is on the same four places again and again, or drifts away."""
    column = np.tile([0.0, 1.0, -1.0, 0.5], steps // 4 + 1)[: steps + 1] + drift * np.arange(steps + 1.0)
    trajectory = Trajectory.from_steps(np.stack([np.zeros(steps + 1), column], axis=1), np.ones((steps, 1)))
    return Demonstrations((trajectory,))


def test_an_expert_that_hardly_moves_is_replayed_less_and_its_beginning_is_practised():
    asked = replace(DEFAULT, steps=10_000)
    found, said = settings_for(holds_still(), asked, coverage=0.25)
    more = {**FOR_STILL_EXPERTS, **FOR_LESS_NOISE, "evaluate_every": 500, "episode_steps": 4}
    assert found.adapted == {"demonstration_share": 0.125, **more}
    assert found.config == replace(asked, **found.adapted)
    assert "in 75% of the columns" in said[0]
    chosen = replace(DEFAULT, updates_per_step=2, episode_steps=40)
    kept = settings_for(holds_still(), chosen, coverage=0.25)[0].config
    assert (kept.updates_per_step, kept.episode_steps) == (2, 40)
    assert kept.evaluate_every == DEFAULT.evaluate_every  # the run is long


def test_where_an_expert_hardly_moves_a_discrete_policy_keeps_its_noise():
    discrete = replace(DEFAULT, algorithm="sbx-sac-discrete")
    assert "target_entropy" not in settings_for(holds_still(), discrete, coverage=0.5)[0].adapted


@pytest.mark.parametrize("shows", [{"coverage": 0.5}, {"far": True}, {"far": True, "horizon": 765}])
def test_ppo_which_replays_no_demonstrations_learns_as_it_was_asked_to(shows):
    found, said = settings_for(holds_still(), replace(DEFAULT, algorithm="sb3-ppo"), **shows)
    assert found.adapted == {}
    assert said == []


def test_episodes_stay_whole_where_they_show_something_new_later():
    assert beginning_of(holds_still()) == 4
    assert beginning_of(holds_still(drift=0.5)) is None
    assert beginning_of(holds_still(steps=1)) is None  # nothing is later
    assert "episode_steps" not in settings_for(holds_still(drift=0.5), coverage=0.25)[0].adapted


def test_a_far_expert_is_replayed_less_and_learnt_with_less_noise():
    found, said = settings_for(shown(2.0, goals=None), far=True)
    assert found.config == replace(DEFAULT, demonstration_share=FAR_SHARE, **FOR_LESS_NOISE)
    assert "lie apart" in said[0]
    assert said[0].endswith("demonstration_share 0.2, target_entropy -2")
    found, _ = settings_for(shown(2.0, goals=None), far=True, coverage=0.5)
    assert found.config.demonstration_share == FAR_SHARE / 2.0
    discrete = replace(DEFAULT, algorithm="sbx-sac-discrete")
    assert settings_for(shown(2.0, goals=None), discrete, far=True)[0].adapted == {"demonstration_share": FAR_SHARE}
    chosen = replace(DEFAULT, demonstration_share=0.1, target_entropy=-0.5)
    assert settings_for(shown(2.0, goals=None), chosen, far=True)[0].config == chosen


@pytest.mark.parametrize("asked", [{"reward_source": "constant"}, {"demonstration_share": 0.0}])
def test_controls_keep_their_noise_and_their_evaluations(asked):
    control = replace(DEFAULT, **{"demonstration_share": 0.1, **asked})
    assert settings_for(shown(2.0, goals=None), control, far=True, horizon=765)[0].config == control
    changed = settings_for(shown(2.0, goals=None), control, coverage=0.5)[0].adapted
    assert changed == ({"demonstration_share": 0.05} if control.demonstration_share else {})


def test_policies_are_judged_longer_where_a_far_expert_ends_its_episodes():
    found, said = settings_for(shown(2.0, goals=None), far=True, horizon=765)
    assert found.config == replace(DEFAULT, demonstration_share=FAR_SHARE, **FOR_FAR_ENDS)
    assert said[0].endswith("demonstration_share 0.2, evaluation_episodes 10")
    assert settings_for(shown(2.0, goals=None), horizon=765)[0].config == DEFAULT
    chosen = replace(DEFAULT, evaluation_episodes=20)
    assert settings_for(shown(2.0, goals=None), chosen, far=True, horizon=765)[0].config.evaluation_episodes == 20


@pytest.mark.parametrize("demonstrations", [shown(*np.arange(FEW) + 0.5), shown(2.0, goals=None), None])
def test_else_nothing_changes(demonstrations):
    found, said = settings_for(demonstrations)
    assert found.config == DEFAULT
    assert found.adapted == {}
    assert said == []
