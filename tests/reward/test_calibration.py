import json

import numpy as np
import pytest
from circling import choosing, circling, rows, sparse

from rexd.reading.load import load_demonstrations
from rexd.reward.calibration import (
    QUANTILES,
    Calibration,
    KnownErrors,
    Scored,
    calibrate,
    known_errors,
    unrelated_actions,
)
from rexd.reward.red.red import RED


def action_size(rows):
    """Stands for a model: the error is the size of the first action."""
    return np.abs(rows.act[:, 0]).astype(np.float32)


def test_the_numbers_by_hand():
    held_out = np.arange(161, dtype=np.float32) / 4.0
    found = calibrate(known_errors(circling(), held_out, lambda rows: np.full(len(rows), 100.0, np.float32), seed=0))
    assert found.median == 20.0
    assert found.anchor == 300.0  # three times the 90th percentile
    assert found.quantiles == pytest.approx([40.0 * q for q in QUANTILES])
    assert found.unused_median is None


@pytest.mark.parametrize(("cost", "anchor"), [(0.0, 150.0), (8.0, 150.0), (9.0, 27.0), (20.0, 60.0)])
def test_an_anchor_that_is_less_than_five_medians_is_taken_for_thirty(cost, anchor):
    rows, _ = unrelated_actions(circling(), seed=0)
    unrelated = Scored(rows[:10], np.full(10, cost, np.float32))
    found = calibrate(KnownErrors(np.full(160, 5.0, np.float32), unrelated, unrelated, None))
    assert found.anchor == pytest.approx(anchor)
    assert found.near == (pytest.approx(25.0) if anchor == 150.0 else None)  # half of the reward ends at five


def test_unused_rows_are_scored_apart():
    demos = sparse()
    unused = demos.unused_transitions()
    found = calibrate(known_errors(demos, np.ones(200, np.float32), action_size, seed=0))
    assert found.unused_median == pytest.approx(float(np.median(action_size(unused))))


def test_random_actions_span_the_action_space_and_others_come_from_other_rows():
    demos = circling()
    uniform, others = unrelated_actions(demos, seed=0)
    low, high = uniform.act.min(axis=0), uniform.act.max(axis=0)
    assert uniform.act.dtype == np.float32
    np.testing.assert_allclose(low, -1.0, atol=0.01)
    np.testing.assert_allclose(high, 1.0, atol=0.01)
    demonstrated = {tuple(row) for row in demos.transitions().act.tolist()}
    assert {tuple(row) for row in others.act.tolist()} <= demonstrated
    states = {tuple(row) for row in demos.transitions().obs.tolist()}
    for made in (uniform, others):
        assert {tuple(row) for row in made.obs.tolist()} <= states
    pairs = {(*o, *a) for o, a in zip(demos.transitions().obs.tolist(), demos.transitions().act.tolist(), strict=True)}
    made = [(*o, *a) for o, a in zip(others.obs.tolist(), others.act.tolist(), strict=True)]
    assert np.mean([pair in pairs for pair in made]) < 0.05


def test_without_bounds_random_actions_span_what_was_demonstrated():
    demos = circling(bounds=False)
    act = demos.transitions().act
    uniform = unrelated_actions(demos, seed=0)[0].act
    assert (uniform >= act.min(axis=0)).all()
    assert (uniform <= act.max(axis=0)).all()


def test_discrete_actions_are_drawn_from_all():
    uniform, others = unrelated_actions(choosing(n_actions=3), seed=0)
    assert sorted(set(uniform.act.tolist())) == [0, 1, 2]
    assert others.act.dtype == np.int64


def test_the_seed_decides():
    first, again, other = (unrelated_actions(circling(), seed)[0].act.tobytes() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_json_round_trip():
    calibration = Calibration(0.25, 3.5, (0.1, 0.2), None)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


def test_a_sparse_expert_is_calibrated_on_rows_that_no_model_saw(expert, sparse_expert):
    calibration = expert.calibration_
    trained = float(np.median(expert.novelty(*rows(sparse_expert))))
    assert calibration.median == float(np.median(expert.held_out_novelty_))
    assert calibration.median > trained
    assert 0.5 < calibration.unused_median / calibration.median < 2.0
    assert calibration.quantiles[0] == expert.held_out_novelty_.min()
    assert calibration.quantiles[-1] == expert.held_out_novelty_.max()


@pytest.mark.parametrize("shape", ["exponential", "rational"])
@pytest.mark.parametrize("median_reward", [0.5, 0.8])
def test_the_median_reward_is_paid_at_the_held_out_median(shape, median_reward):
    model = RED(shape=shape, median_reward=median_reward, updates=20, target_layers=(8,), predictor_layers=(8,)).fit(
        circling()
    )
    paid = model.reward_of_novelty(np.float32([model.calibration_.median]))
    assert paid[0] == pytest.approx(median_reward, rel=1e-5)
    # the reward falls with the error, so that the median goes with it
    assert np.median(model.reward_of_novelty(model.held_out_novelty_)) == pytest.approx(median_reward, abs=0.02)


def test_the_logarithmic_shape_follows_the_anchors(tiny):
    assert tiny.config.shape == "logarithmic"
    assert tiny.sigma_ == pytest.approx(1.0 / tiny.calibration_.median)
    paid = tiny.reward_of_novelty(np.float32([0.0, tiny.calibration_.anchor, 2.0 * tiny.calibration_.anchor]))
    assert paid == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_a_given_bandwidth_is_kept():
    model = RED(shape="exponential", sigma=0.125, updates=5, target_layers=(8,), predictor_layers=(8,)).fit(circling())
    assert model.sigma_ == 0.125
    assert model.reward_of_novelty(np.float32([8.0]))[0] == pytest.approx(np.exp(-1.0), rel=1e-5)


@pytest.fixture(scope="module")
def hopper(shared_data):
    return load_demonstrations(shared_data / "red" / "Hopper-v2.pkl", action_bounds=(-1.0, 1.0)).first(4)


@pytest.fixture(scope="module")
def hopper_model(hopper):
    return RED().fit(hopper.subsample(20, seed=0))


def test_real_demonstrations_are_calibrated_honestly(hopper_model):
    calibration = hopper_model.calibration_
    assert len(hopper_model.held_out_novelty_) == 200
    assert 0.5 < calibration.unused_median / calibration.median < 2.0


def test_random_actions_are_alien_to_the_hopper(hopper_model):
    checks = {check.name: check for check in hopper_model.checks_}
    assert checks["expert states, random actions"].novelty > 5.0 * hopper_model.calibration_.median


def test_one_offset_for_all_flatters_the_folds(hopper, hopper_model):
    """The Hopper trajectories are phase-locked (docs/reward.md)."""
    honest = hopper_model.calibration_
    locked = RED().fit(hopper.subsample(20, offset=0)).calibration_
    assert locked.unused_median / locked.median > 2.0 * honest.unused_median / honest.median
