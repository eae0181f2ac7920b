"""The way from a beginner to the expert."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from circling import TINY, circling

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import RewardFileError
from rexd.reward.checks import CLONE, EXPERT, Check
from rexd.reward.estimator.way import BEHIND, CLIP, LEVEL, has_enough_rows, is_level, way_between
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows

STATES = torch.tensor([True, True, False])


def inputs(speed, rows=300, seed=0):
    """A position that is the same for all, a speed, and an action."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    x[:, 1] = speed + 0.3 * x[:, 1]
    return torch.from_numpy(x.astype(np.float32))


def test_progress_climbs_from_behind_the_beginner_to_the_expert():
    way = way_between(inputs(0.0), inputs(-4.0, seed=1), STATES, seed=0)
    at = torch.zeros(6, 3)
    at[:, 1] = torch.tensor([-5.0, -4.0, -2.0, 0.0, 1.0, -4.5])
    behind, beginner, half, expert, beyond, between = way.progress(at).tolist()
    start = BEHIND / (1.0 + BEHIND)
    assert beginner == pytest.approx(start, abs=0.03)
    assert half == pytest.approx((start + 1.0) / 2.0, abs=0.03)
    assert expert == pytest.approx(1.0, abs=0.03)
    assert (behind, beyond) == (0.0, 1.0)
    assert 0.0 < between < beginner


def test_actions_do_not_count_and_what_is_far_out_says_no_more():
    way = way_between(inputs(0.0), inputs(-4.0, seed=1), STATES, seed=0)
    assert way.weights[2] == 0.0
    here = torch.zeros(1, 3)
    far, farther = here.clone(), here.clone()
    far[0, 0], farther[0, 0] = 2.0 * CLIP, 1e6
    assert way.progress(far) == way.progress(farther)


def test_the_reward_is_multiplied():
    way = way_between(inputs(0.0), inputs(-4.0, seed=1), STATES, seed=0)
    x, reward = inputs(-2.0, rows=5, seed=2), torch.linspace(0.0, 1.0, 5)
    paid = way.paid(x, reward)
    assert paid.dtype == torch.float32
    half, whole = way.progress(x)[0] / 2.0, way.progress(x)[-1]
    assert (paid[0], paid[-1]) == (pytest.approx(float(half)), pytest.approx(float(whole)))


@pytest.mark.parametrize("speed", [0.0, -0.5])
def test_a_beginner_among_the_experts_states_needs_no_way(speed):
    assert way_between(inputs(0.0), inputs(speed, seed=1), STATES, seed=0) is None


def test_without_columns_of_states_no_rows_are_enough():
    assert not has_enough_rows(inputs(0.0), torch.zeros(3, dtype=torch.bool))


@pytest.mark.parametrize(("rows", "used"), [(7, False), (8, True)])
def test_four_rows_for_each_column_of_the_state_are_enough(rows, used):
    assert has_enough_rows(inputs(0.0, rows=rows), STATES) == used


def test_the_seed_decides_the_rest():
    ways = [way_between(inputs(0.0), inputs(-4.0, rows=5000, seed=1), STATES, seed=0) for _ in range(2)]
    assert torch.equal(ways[0].weights, ways[1].weights)
    assert ways[0].offset == ways[1].offset


def running(speed, seed=0) -> Demonstrations:
    """Four trajectories of a body that runs at a speed: position within a stride, speed, and one action."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(4):
        stride = np.sin(np.arange(41.0) + rng.uniform(0.0, 6.0))
        obs = np.stack([stride, speed + 0.3 * rng.normal(size=41)], axis=1).astype(np.float32)
        made.append(Trajectory.from_steps(obs, (0.5 * stride[:-1, None]).astype(np.float32)))
    return Demonstrations(tuple(made), action_bounds=(np.full(1, -1.0, np.float32), np.full(1, 1.0, np.float32)))


def rows_at(speed) -> Rows:
    return Rows.of_transitions(running(speed, seed=1).transitions())


@pytest.fixture(scope="module")
def far() -> RED:
    return RED(**TINY, seed=0).fit(running(10.0), velocity_columns=[1], beginner=rows_at(0.5))


def test_every_step_towards_a_far_expert_is_paid(far):
    paid = [float(far.reward_of(rows_at(speed)).mean()) for speed in (0.0, 2.0, 4.0, 6.0, 10.0)]
    assert far.far
    assert far.climbs
    assert (np.diff(paid) > 0.05).all()
    assert paid[0] < 0.15
    level = RED(**TINY, seed=0).fit(running(10.0))
    assert not level.far
    still, slow = (level.reward_of(rows_at(speed)).mean() for speed in (0.0, 4.0))
    assert slow - still < paid[2] - paid[0]


def test_where_demonstrations_end_in_terminal_states_a_far_beginner_is_known_and_no_way_is_paid(tmp_path):
    shown = running(10.0)
    ended = replace(shown, trajectories=tuple(replace(t, terminated=ends(t)) for t in shown))
    model = RED(**TINY, seed=0).fit(ended, beginner=rows_at(0.5))
    assert (model.far, model.climbs) == (True, False)
    rows = rows_at(4.0)
    np.testing.assert_array_equal(model.reward_of(rows), model.reward_of_novelty(model.novelty_of(rows)))
    back = load_reward(model.save(tmp_path / "r.safetensors"))
    assert (back.far, back.climbs) == (True, False)


def ends(trajectory):
    """Mark the last step as one that leads to a terminal state."""
    return np.arange(len(trajectory)) == len(trajectory) - 1


def test_a_near_beginner_leaves_the_reward_as_it_is():
    beginner = Rows.of_transitions(circling(seed=3).transitions())
    model = RED(**TINY, seed=0).fit(circling(), beginner=beginner)
    assert not model.far
    rows = Rows.of_transitions(circling(seed=5).transitions())
    np.testing.assert_array_equal(model.reward_of(rows), model.reward_of_novelty(model.novelty_of(rows)))
    np.testing.assert_array_equal(model.held_out_reward_, model.reward_of_novelty(model.held_out_novelty_))


@pytest.mark.parametrize(("beginner", "level"), [(0.0, True), (0.39, True), (0.41, False), (0.8, False)])
def test_the_novelty_is_level_where_it_pays_the_beginner_less_than_half(beginner, level):
    assert is_level(np.full(7, beginner, np.float32), np.full(3, 0.8, np.float32)) == level


def test_a_beginner_that_is_told_apart_but_paid_well_needs_no_way():
    """A tail that is as wide as this pays the beginner as well as the expert."""
    shown, beginner = running(3.0), rows_at(0.5)
    assert RED(**TINY, seed=0).fit(shown, beginner=beginner).climbs
    paid_well = RED(**TINY, shape="rational", sigma=1e-9, seed=0).fit(shown, beginner=beginner)
    errors = paid_well.novelty_of(beginner)
    assert paid_well.reward_of_novelty(errors).mean() > LEVEL * paid_well.held_out_reward_.mean()
    assert not paid_well.far


def test_checks_are_of_what_is_paid(far):
    pays = {check.name: check.reward for check in far.checks_}
    assert pays[EXPERT] == pytest.approx(float(far.held_out_reward_.mean()))
    rows = rows_at(0.5)
    novelty = far.novelty_of(rows)
    assert Check.of(CLONE, novelty, far.paid(rows, novelty)).reward == pytest.approx(float(far.reward_of(rows).mean()))
    assert pays["worst standstill"] < 0.2


def test_a_reward_file_keeps_the_way(far, tmp_path):
    back = load_reward(far.save(tmp_path / "r.safetensors"))
    rows = rows_at(4.0)
    assert (back.far, back.climbs) == (True, True)
    np.testing.assert_array_equal(back.reward_of(rows), far.reward_of(rows))
    np.testing.assert_array_equal(back.held_out_reward_, far.held_out_reward_)
    assert back.fitted_.way.offset == far.fitted_.way.offset


def test_a_file_from_before_far_was_kept_is_far_where_it_has_a_way(far):
    content, tensors = far.describe()
    before = {name: value for name, value in content["calibration"].items() if name != "far"}
    assert RED.rebuild("r.safetensors", content | {"calibration": before}, tensors).far


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), "far", None])
def test_a_damaged_way_is_refused(far, offset):
    content, tensors = far.describe()
    with pytest.raises(RewardFileError, match=r"r\.safetensors"):
        RED.rebuild("r.safetensors", content | {"way": {"offset": offset}}, tensors)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("way.low", None),
        ("way.high", torch.zeros(99)),
        ("way.weights", torch.zeros(99)),
        ("held_out_reward", None),
    ],
)
def test_tensors_of_the_way_are_checked(far, name, changed):
    content, tensors = far.describe()
    tensors = {key: value for key, value in tensors.items() if key != name}
    with pytest.raises(RewardFileError, match=name):
        RED.rebuild("r.safetensors", content, tensors if changed is None else tensors | {name: changed})
