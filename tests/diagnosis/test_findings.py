"""Findings about separation, shape, reach and order, from figures that are set by hand."""

from dataclasses import replace

import numpy as np
import pytest
from circling import circling
from measured import Fake, scored, sight

from rexd.diagnosis.episodes import NOISE, noisy_clone
from rexd.diagnosis.findings import find
from rexd.diagnosis.probes import NO_VELOCITY
from rexd.diagnosis.ranks import RankCorrelation
from rexd.diagnosis.shape import shape_of
from rexd.reward.checks import (
    CLONE,
    OTHER_ACTIONS,
    RANDOM_ACTIONS,
    RANDOM_POLICY,
    UNUSED,
    ZERO_ACTIONS,
)

EVEN = shape_of(Fake(), 1.0, np.full(3, 0.75, np.float32))  # 1 / (1 + L / ℓ)
WORKING = (
    scored(RANDOM_POLICY, 0.1),
    scored(ZERO_ACTIONS, 0.3),
    scored(OTHER_ACTIONS, 0.5, 0.85),
    scored(RANDOM_ACTIONS, 0.5, 0.9),
)


def found(*probes, shape=EVEN, **figures):
    return {each.code: each for each in find(sight(*probes, **figures), shape)}


def test_a_reward_that_works_has_no_finding():
    assert found(*WORKING) == {}


@pytest.mark.parametrize(
    ("auroc", "severity"), [(0.95, None), (0.85, "warning"), (0.7, "error")], ids=["told", "hardly", "not told"]
)
def test_novelty_that_does_not_tell_a_random_policy_is_named_with_its_figure(auroc, severity):
    each = found(scored(RANDOM_POLICY, 0.1, auroc), *WORKING[1:]).get("not-told-apart")
    assert (each and each.severity) == severity
    if each:
        assert f"{auroc:.2f} for random policy" in each.message
        assert "zero actions" not in each.message
        assert each.mend == "use more demonstrations"


def test_the_mend_knows_what_a_selection_left_out():
    each = found(scored(RANDOM_POLICY, 0.1, 0.7), scored(UNUSED, 0.7, 0.5))["not-told-apart"]
    assert each.mend == "use more of the demonstrations, since the selection leaves some out"


def test_rest_is_judged_by_what_doing_nothing_leads_to_where_that_was_played():
    rest = scored(NO_VELOCITY, 0.5, 0.6)
    assert found(rest, scored(RANDOM_ACTIONS, 0.1))["rest-not-told-apart"].severity == "warning"
    hardly = scored(NO_VELOCITY, 0.5, 0.8)
    assert found(hardly, scored(RANDOM_ACTIONS, 0.1))["rest-not-told-apart"].severity == "info"
    assert found(rest, *WORKING)["rest-not-told-apart"].severity == "info"


def test_actions_that_tell_nothing_are_no_fault_of_a_reward_on_states():
    alike = scored(RANDOM_ACTIONS, 0.1, 0.44)
    assert found(alike)["actions-not-told-apart"].severity == "info"
    assert found(alike, model=Fake(inputs="state")) == {}


def test_an_expert_that_is_paid_nothing_is_saturation():
    nothing = shape_of(Fake(pays=lambda novelty: 0.0 * novelty), 1.0, np.zeros(3, np.float32))
    each = found(scored(RANDOM_POLICY, 0.0), expert=0.03, shape=nothing)
    assert [(finding.code, finding.severity) for finding in each.values()] == [("saturated", "error")]


def test_a_reward_that_pays_everything_alike_is_flat():
    each = found(scored(RANDOM_POLICY, 0.7), expert=0.75)["flat"]
    assert each.severity == "error"
    assert "0.75" in each.message
    assert "0.70" in each.message


def exponential(held_out):
    """The shape of an exponential reward that pays ``held_out`` at ℓ."""
    fake = Fake(pays=lambda novelty: np.exp(np.log(held_out) * novelty))
    return shape_of(fake, 1.0, np.full(3, held_out, np.float32))


@pytest.mark.parametrize(("held_out", "flat"), [(0.5, False), (0.8, False), (0.9, True), (0.97, True)])
def test_a_bandwidth_that_pays_the_expert_nearly_everything_is_flat_near_it(held_out, flat):
    assert ("flat-near-expert" in found(*WORKING, shape=exponential(held_out))) is flat


def test_a_constant_reward_is_flat_near_the_expert():
    constant = shape_of(Fake(pays=lambda novelty: np.ones(len(novelty))), 1.0, np.ones(3, np.float32))
    assert "flat-near-expert" in found(*WORKING, shape=constant)


def test_a_reward_at_a_goal_falls_with_the_distance_and_not_with_its_logarithm():
    assert "flat-near-expert" not in found(*WORKING, shape=exponential(0.97), model=Fake(at_goal=True))


def test_expert_rows_that_are_paid_little():
    each = found(*WORKING, shape=replace(EVEN, paid_little=0.2))["expert-paid-little"]
    assert each.message.startswith("20% of the expert's held-out rows")


@pytest.mark.parametrize(("unpaid", "severity"), [(0.5, None), (0.8, "warning"), (1.0, "error")])
def test_a_clone_beyond_the_end_of_the_reward(unpaid, severity):
    clone = scored(CLONE, [0.0] * round(10 * unpaid) + [0.6] * round(10 * (1 - unpaid)), novelty=4294.0)
    noisy = [scored(noisy_clone(size), 0.0) for size in NOISE]
    each = found(clone, *noisy, scored(RANDOM_POLICY, 0.0)).get("out-of-reach")
    assert (each and each.severity) == severity
    if each:
        assert "4.29e+03 ℓ" in each.message
        assert f"{unpaid:.0%} of its rows" in each.message


@pytest.mark.parametrize(("pays", "far"), [(0.1, True), (0.28, False)])
def test_a_clone_that_earns_little_of_what_the_expert_earns(pays, far):
    noisy = [scored(noisy_clone(size), 0.0) for size in NOISE]
    each = found(scored(CLONE, pays), *noisy, *WORKING[2:]).get("clone-far-from-expert")
    assert (each is not None) is far
    if each:
        assert each.severity == "warning"
        assert "0.10 a step" in each.message


def test_a_clone_that_is_paid_like_the_expert_leaves_little_to_teach():
    noisy = [scored(noisy_clone(size), 0.0) for size in NOISE]
    assert found(scored(CLONE, 0.7), *noisy, *WORKING[2:])["little-to-gain"].severity == "info"
    assert "little-to-gain" not in found(scored(CLONE, 0.6), *noisy, *WORKING[2:])


@pytest.mark.parametrize(("clone", "accepted", "pass_"), [(0.3, 0.98, True), (0.3, 0.5, False), (0.7, 0.98, False)])
def test_random_actions_that_pass_where_the_clone_is_far(clone, accepted, pass_):
    noisy = [scored(noisy_clone(size), 0.0) for size in NOISE]
    random = scored(RANDOM_ACTIONS, 0.5, 0.82, accepted=accepted)
    each = found(scored(CLONE, clone), *noisy, random)
    assert ("actions-pass" in each) is pass_
    if pass_:
        assert each["actions-pass"].message.startswith("98% of random actions")
        assert "actions-pass" not in found(scored(CLONE, clone), *noisy, random, model=Fake(inputs="state"))


@pytest.mark.parametrize(
    ("ranks", "code", "severity"),
    [
        (RankCorrelation(0.9, 0.8, 1.0, 20), None, None),
        (RankCorrelation(0.5, 0.1, 0.8, 20), "wrong-order", "warning"),
        (RankCorrelation(-0.2, -0.6, 0.3, 20), "wrong-order", "error"),
        (RankCorrelation(None, None, None, 20), "no-order", "warning"),
    ],
)
def test_the_order_of_returns(ranks, code, severity):
    each = found(*WORKING, ranks=ranks)
    assert [(finding.code, finding.severity) for finding in each.values()] == ([(code, severity)] if code else [])


def test_other_rows_than_those_of_the_fit_are_said():
    assert found(*WORKING, demonstrations=circling())["other-rows"].severity == "info"


def test_the_worst_comes_first():
    demos = circling(steps=400)  # three turns, so that late rows are like early ones
    codes = list(found(scored(RANDOM_POLICY, 0.1, 0.7), demonstrations=demos, shape=exponential(0.9)))
    assert codes == ["not-told-apart", "flat-near-expert", "other-rows"]


def test_a_clone_at_the_beginning_of_a_way_is_far_by_construction():
    noisy = [scored(noisy_clone(size), 0.0) for size in NOISE]
    random = scored(RANDOM_ACTIONS, 0.5, 0.82, accepted=0.98)
    alone, climbing = (found(scored(CLONE, 0.1), *noisy, random, model=Fake(climbs=climbs)) for climbs in (False, True))
    assert {code: each.severity for code, each in alone.items()} == {
        "clone-far-from-expert": "warning",
        "actions-pass": "warning",
    }
    assert {code: each.severity for code, each in climbing.items()} == {"clone-far-from-expert": "info"}
    assert "one direction" in climbing["clone-far-from-expert"].message


@pytest.mark.parametrize(("pays", "code"), [(0.0, "saturated"), (1.0, "flat")])
def test_a_way_does_not_hide_a_novelty_that_says_nothing(pays, code):
    constant = Fake(climbs=True, pays=lambda novelty: np.full(len(novelty), pays))
    each = found(scored(RANDOM_POLICY, 0.1), model=constant, shape=EVEN)[code]
    assert each.severity == "error"
    assert "of the novelty, without the way" in each.message


def test_with_a_way_it_is_the_reward_that_tells_rows_apart():
    each = found(scored(RANDOM_POLICY, 0.1, 0.7), model=Fake(climbs=True))["not-told-apart"]
    assert each.message.startswith("the reward hardly tells")
    assert found(scored(RANDOM_POLICY, 0.1, 0.7))["not-told-apart"].message.startswith("novelty hardly tells")
