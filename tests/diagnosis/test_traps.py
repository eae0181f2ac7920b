"""Findings about traps, from figures that are set by hand."""

from dataclasses import replace

import numpy as np
import pytest
from circling import circling
from measured import Fake, scored, sight

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.diagnosis.episodes import NOISE, noisy_clone
from rexd.diagnosis.probes import NO_VELOCITY
from rexd.diagnosis.traps import trap_findings
from rexd.reward.checks import CLONE, RANDOM_POLICY, STANDSTILL, UNUSED, ZERO_ACTIONS, Check


def clones(pays, noisy=(0.0, 0.0, 0.0)):
    return [scored(CLONE, pays), *(scored(noisy_clone(n), p) for n, p in zip(NOISE, noisy, strict=True))]


def found(*probes, **figures):
    return {each.code: each for each in trap_findings(sight(*probes, **figures))}


def test_a_clone_that_acts_well_and_lasts_is_in_no_trap():
    assert found(*clones(0.66, (0.5, 0.4, 0.1)), scored(ZERO_ACTIONS, 0.32), scored(RANDOM_POLICY, 0.1)) == {}


@pytest.mark.parametrize(("still", "clone", "trapped"), [(0.2, 0.12, True), (0.2, 0.3, False), (0.3, 0.25, False)])
def test_doing_nothing_that_earns_more_than_a_poor_clone(still, clone, trapped):
    each = found(*clones(clone), scored(ZERO_ACTIONS, still)).get("standing-pays-more")
    assert (each is not None) is trapped
    if each:
        assert each.severity == "error"
        assert f"{still:.2f} a step" in each.message
        assert f"{clone:.2f}" in each.message
        climbing = found(*clones(clone), scored(ZERO_ACTIONS, still), model=Fake(climbs=True))
        assert climbing["standing-pays-more"].severity == "warning"


def test_doing_nothing_that_earns_half_of_the_experts_reward():
    assert found(*clones(0.3), scored(ZERO_ACTIONS, 0.5))["standing-still"].severity == "warning"
    assert found(scored(ZERO_ACTIONS, 0.5))["standing-still"].severity == "warning"
    assert found(*clones(0.7), scored(ZERO_ACTIONS, 0.5))["standing-still"].severity == "info"  # learning begins ahead
    assert "standing-still" not in found(*clones(0.7), scored(ZERO_ACTIONS, 0.3))


def test_to_stand_at_a_goal_is_what_is_wanted():
    still = (*clones(0.1), scored(ZERO_ACTIONS, 0.5), scored(NO_VELOCITY, 0.6))
    assert "standing-pays-more" in found(*still)
    assert found(*still, model=Fake(at_goal=True)).keys().isdisjoint({"standing-pays-more", "rest-is-paid"})


def test_rest_is_told_only_where_nothing_is_played():
    assert found(scored(NO_VELOCITY, 0.6))["rest-is-paid"].severity == "info"
    assert found(scored(NO_VELOCITY, 0.6), scored(ZERO_ACTIONS, 0.1)) == {}


def test_a_pose_that_a_search_found_is_worth_knowing():
    searched = Fake(checks=(Check(STANDSTILL, 0.6, 2.0, 12),))
    assert found(model=searched)["best-paid-standstill"].severity == "info"
    assert found(model=Fake(checks=(Check(STANDSTILL, 0.2, 9.0, 12),))) == {}


def test_lasting_badly_that_earns_more_than_acting_well_and_falling():
    falls = {CLONE: 100.0, ZERO_ACTIONS: 1000.0}
    each = found(*clones(0.6), scored(ZERO_ACTIONS, 0.2), lengths=falls)["lasting-pays-more"]
    assert "1000 steps at 0.20 earn 200" in each.message
    assert "100 steps at 0.60 earn 60" in each.message
    assert found(*clones(0.6), scored(ZERO_ACTIONS, 0.05), lengths=falls) == {}  # lasts, and still earns less
    assert found(*clones(0.6), scored(ZERO_ACTIONS, 0.2)) == {}  # both last


def test_noise_that_earns_more_than_none():
    assert found(*clones(0.1, (0.1, 0.15, 0.05)))["noise-pays"].severity == "warning"
    assert found(*clones(0.1, (0.1, 0.11, 0.05))) == {}
    assert found(*clones(0.6, (0.65, 0.5, 0.1))) == {}  # the clone is nearly the expert; noise does no harm


def test_random_play_is_the_end_of_the_ladder_of_noise():
    each = found(*clones(0.1), scored(RANDOM_POLICY, 0.2))["noise-pays"]
    assert each.message.startswith("the random policy earns 0.20 a step, and the clone without noise 0.10")
    assert "noise-pays" in found(scored(CLONE, 0.1), scored(RANDOM_POLICY, 0.2))  # no clone with noise was played
    assert found(scored(CLONE, 0.1)) == {}


def test_with_a_way_noise_may_come_a_little_further():
    climbing = Fake(climbs=True)
    assert found(*clones(0.15, (0.18, 0.15, 0.1)), model=climbing) == {}
    assert "noise-pays" in found(*clones(0.15, (0.18, 0.15, 0.1)))
    assert "noise-pays" in found(*clones(0.15, (0.3, 0.15, 0.1)), model=climbing)


def to_goal(end):
    """Episodes whose last step, which is terminal, has the novelty ``end``; all others have 1."""
    obs = np.ones((11, 2), np.float32)
    obs[9] = end
    ends = Trajectory.from_steps(obs, np.zeros((10, 1), np.float32), terminated=True)
    return Demonstrations((ends, ends))


def test_ends_that_are_paid_less_than_what_comes_before():
    goal = Fake(horizon=10)
    each = found(model=goal, demonstrations=to_goal(4.0), expert=0.5)["slow-finish"]
    assert "paid 0.20" in each.message
    assert found(model=goal, demonstrations=to_goal(1.0), expert=0.5) == {}
    assert found(model=Fake(), demonstrations=to_goal(4.0), expert=0.5) == {}  # ends are not what the expert shows


def test_ends_that_a_selection_left_out_are_looked_at():
    some = to_goal(4.0).subsample(20, offset=0)
    assert "slow-finish" in found(model=Fake(horizon=10), demonstrations=some, expert=0.5)


def test_unused_rows_that_are_new():
    demos = circling()
    fake = Fake()
    fake.demonstrations_sha256_ = demos.sha256
    each = found(scored(UNUSED, 0.0, novelty=293.0), model=fake, demonstrations=demos)["unused-rows-are-new"]
    assert each.severity == "error"
    assert "293 ℓ" in each.message
    assert found(scored(UNUSED, 0.6, novelty=3.0), model=fake, demonstrations=demos) == {}
    assert found(scored(UNUSED, 0.6, novelty=22.0), model=fake, demonstrations=demos) == {}  # far, and paid
    other = replace(demos, trajectories=demos.trajectories[:2])
    assert found(scored(UNUSED, 0.0, novelty=293.0), model=fake, demonstrations=other) == {}


def test_a_column_that_makes_most_of_the_novelty():
    each = found(columns=[("observation[0]", 0.9), ("observation[1]", 0.05), ("action[0]", 0.05)])
    assert each["one-column-dominates"].message.startswith("observation[0] alone makes 90%")
    assert found(columns=[("observation[0]", 0.7), ("observation[1]", 0.2), ("action[0]", 0.1)]) == {}
    assert found(columns=[("observation[0]", 0.9), ("action[0]", 0.1)]) == {}
