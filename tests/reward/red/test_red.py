import numpy as np
import pytest
import torch
from circling import TINY, VELOCITIES, choosing, circling, rows, sparse

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, NotFittedError
from rexd.reward.choices import SHAPES
from rexd.reward.estimator import fitted
from rexd.reward.red import red as module
from rexd.reward.red.red import RED
from rexd.reward.rows import Rows


def without_final(demos):
    """The last row of each trajectory has no recorded next observation."""
    return Demonstrations(tuple(Trajectory.from_steps(t.observations, t.actions) for t in demos))


def test_the_same_seed_gives_the_same_reward_bit_for_bit(tiny):
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002 - global state must not matter
    again, demos = RED(seed=0, **TINY).fit(circling()), circling()
    assert again.predict(*rows(demos)).tobytes() == tiny.predict(*rows(demos)).tobytes()
    assert again.held_out_novelty_.tobytes() == tiny.held_out_novelty_.tobytes()
    assert again.calibration_ == tiny.calibration_
    assert again.checks_ == tiny.checks_


def test_fitting_again_forgets_what_was_fitted_before(tiny):
    model = RED(seed=0, **TINY).fit(circling(seed=9)).fit(circling())
    assert model.novelty(*rows(circling())).tobytes() == tiny.novelty(*rows(circling())).tobytes()


def test_another_seed_gives_another_reward(tiny):
    other = RED(seed=1, **TINY).fit(circling())
    assert not np.array_equal(other.novelty(*rows(circling())), tiny.novelty(*rows(circling())))


def test_fit_leaves_global_random_state_alone():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    RED(**TINY).fit(circling(), velocity_columns=VELOCITIES)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.predict(np.zeros((1, 5)), np.zeros((1, 2))),
        lambda model: model.novelty(np.zeros((1, 5)), np.zeros((1, 2))),
        lambda model: model.predict_demonstrations(circling()),
        lambda model: model.save("never.safetensors"),
        lambda model: model.mean_,
        lambda model: model.std_,
    ],
)
def test_nothing_works_before_fit(use):
    model = RED()
    assert not model.fitted
    with pytest.raises(NotFittedError, match=r"not fitted; call fit\(demonstrations\), or rexd.load_reward"):
        use(model)


def test_the_error_by_hand(tiny):
    t, kept = circling(1, 20, seed=5).transitions(), tiny.encoder_.kept.numpy()
    clock = np.log1p(t.step / 20.0)
    x = np.concatenate([t.obs, t.act, clock[:, None]], axis=1)[:, kept].astype(np.float64)
    x = (x - tiny.mean_) / tiny.std_ * tiny.encoder_.relevance.numpy()[kept]
    errors = []
    for model in range(4):
        outputs = []
        for network in (tiny.target_, tiny.predictor_):
            h, last = x, len(network.weights) - 1
            for layer in range(last + 1):
                h = h @ network.weights[layer][model].numpy() + network.biases[layer][model].numpy()
                h = np.maximum(h, 0.0) if layer < last else h
            outputs.append(h)
        errors.append(((outputs[0] - outputs[1]) ** 2).mean(axis=1))
    assert len(tiny.target_.weights[0]) == 4  # one for each trajectory: 5 folds at most
    found = tiny.novelty(t.obs, t.act, step=t.step)
    np.testing.assert_allclose(found, np.mean(errors, axis=0), rtol=1e-3, atol=1e-5)


def test_held_out_rows_are_scored_by_the_model_that_never_saw_them(tiny):
    demos = circling()
    t = demos.transitions()
    x = tiny.encoder_.standardise(tiny.encoder_.raw(Rows(t.obs, t.act, None, t.step)))
    errors = module.squared_error(tiny.target_, tiny.predictor_, x.expand(4, -1, -1)).numpy()
    np.testing.assert_array_equal(tiny.held_out_novelty_, errors[t.trajectory, np.arange(len(t))])
    assert tiny.calibration_.median == np.median(tiny.held_out_novelty_)


def test_a_single_trajectory_is_enough():
    model = RED(**TINY).fit(circling(1, 43))
    assert len(model.target_.weights[0]) == 5
    assert model.held_out_novelty_.shape == (43,)


def test_too_few_rows():
    with pytest.raises(DemonstrationError, match="7 transitions are too few"):
        RED(**TINY).fit(circling(1, 7))
    assert RED(**TINY).fit(circling(1, 8)).fitted


def test_rewards_are_float32_in_the_unit_interval(tiny):
    obs, act, _ = rows(circling())
    paid = tiny.predict(obs.astype(np.float64), act.astype(np.float64))
    assert paid.dtype == np.float32
    assert paid.shape == (160,)
    assert 0.0 <= paid.min() < paid.max() <= 1.0
    assert tiny.predict(obs[:0], act[:0]).shape == (0,)


@pytest.mark.parametrize("shape", SHAPES)
def test_huge_observations_earn_a_finite_reward(tiny, shape):
    model = RED(shape=shape, **TINY).fit(circling())
    act = np.zeros((1, 2), np.float32)
    for size in (1e6, 1e12, 1e30, 3e38):
        for obs in (np.full((1, 5), size), np.full((1, 5), -size), np.array([[size, -size, 0, size, 1.0]])):
            novelty, paid = model.novelty(obs, act), model.predict(obs, act)
            assert np.isfinite(novelty).all()
            assert 0.0 <= paid[0] < 0.01


def test_rows_do_not_influence_one_another(tiny, monkeypatch):
    obs, act, _ = rows(circling())
    whole = tiny.novelty(obs, act)
    monkeypatch.setattr(fitted, "BLOCK_ROWS", 37)
    np.testing.assert_allclose(tiny.novelty(obs, act), whole, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(tiny.novelty(obs[5:6], act[5:6]), whole[5:6], rtol=1e-4, atol=1e-6)


def test_read_only_and_strided_arrays(tiny):
    obs, act, _ = rows(circling())
    wide = np.repeat(obs, 2, axis=1)
    wide.flags.writeable = False
    np.testing.assert_allclose(tiny.predict(wide[::2, ::2], act[::2]), tiny.predict(obs, act)[::2], atol=1e-5)


@pytest.mark.parametrize("inputs", ["state", "state-next-state"])
def test_models_without_actions_ignore_them(inputs):
    demos = circling()
    model = RED(inputs=inputs, **TINY).fit(demos)
    obs, act, following = rows(demos)
    paid = model.predict(obs, None, following)
    assert paid.tobytes() == model.predict(obs, -act, following).tobytes()
    assert len(model.encoder_.kept) == {"state": 4, "state-next-state": 8}[inputs] + 1  # the clock


def test_next_observations_count_where_they_are_asked_for(tiny):
    demos = circling()
    obs, act, following = rows(demos)
    model = RED(inputs="state-next-state", **TINY).fit(demos)
    assert not np.array_equal(model.novelty(obs, None, following), model.novelty(obs, None, following[::-1]))
    assert tiny.novelty(obs, act, following).tobytes() == tiny.novelty(obs, act, following[::-1]).tobytes()


def test_rows_without_a_known_next_observation_are_left_out():
    whole, cut = circling(), without_final(circling())
    shorter = Demonstrations(
        tuple(t.rows(slice(0, 39)) for t in whole), action_bounds=whole.action_bounds
    )  # what remains
    model = RED(inputs="state-next-state", **TINY).fit(cut)
    reference = RED(inputs="state-next-state", **TINY).fit(shorter)
    probe = rows(circling(seed=3))
    assert model.novelty(*probe).tobytes() == reference.novelty(*probe).tobytes()
    known = cut.transitions().next_known
    assert known.sum() == 156
    np.testing.assert_array_equal(model.held_out_novelty_[known], reference.held_out_novelty_)
    assert (model.held_out_novelty_[~known] == np.float32(model.calibration_.median)).all()
    assert model.demonstrations_sha256_ == cut.sha256


def test_no_next_observation_is_known():
    demos = Demonstrations(tuple(without_final(circling(steps=1, trajectories=9))))
    with pytest.raises(DemonstrationError, match="no row has a recorded next observation; use inputs='state-action'"):
        RED(inputs="state-next-state", **TINY).fit(demos)


def test_discrete_actions():
    demos = choosing()
    model = RED(**(TINY | {"updates": 150})).fit(demos)
    obs, act, _ = rows(demos)
    assert [c for c in model.encoder_.kept.tolist() if c >= 5] == [5, 6, 7, 8]  # three actions and the clock
    right, wrong = model.novelty(obs, act), model.novelty(obs, (act + 1) % 3)
    assert (right < wrong).mean() > 0.7
    assert np.median(wrong) > 1.3 * np.median(right)
    assert model.novelty(obs, act.astype(np.int32)).tobytes() == right.tobytes()


def test_demonstrations_are_paid_as_the_agent_is(tiny):
    told = tiny.predict(*rows(circling()), circling().transitions().step)
    assert tiny.predict_demonstrations(circling()).tobytes() == told.tobytes()


def test_progress_is_told_to_the_end():
    seen = []
    RED(**(TINY | {"updates": 50})).fit(circling(), progress=lambda done, total: seen.append((done, total)))
    fits = seen[-1][1] // 50  # columns that tell episodes apart bring a second one
    assert seen == [(50 * fit + done, 50 * fits) for fit in range(fits) for done in (20, 40, 50)]


def test_provenance(tiny):
    assert tiny.demonstrations_sha256_ == circling().sha256
    assert tiny.demonstrations_sha256_ != circling(seed=1).sha256


def test_the_expert_s_own_rows_earn_more_than_anything_else(expert):
    fresh = circling(steps=200, seed=77)
    obs, act, _ = rows(fresh)
    obs, act = obs[100:200], act[100:200]  # past the start, of which 4 trajectories show little
    rng = np.random.default_rng(0)
    own = expert.predict(obs, act)
    elsewhere = expert.predict(obs + np.float32([3.0, -3.0, 0.0, 0.0, 0.0]), act)
    random_actions = expert.predict(obs, rng.uniform(-1.0, 1.0, act.shape))
    assert own.mean() > elsewhere.mean() + 0.4
    assert own.mean() > random_actions.mean() + 0.2
    assert (own > elsewhere).mean() > 0.95


def test_two_hundred_rows_generalise(expert, sparse_expert):
    """Held-out error is above the training error, and close to that of rows which no model saw."""
    fitted, unused = sparse_expert.transitions(), sparse_expert.unused_transitions()
    fresh = circling(steps=500, seed=50).transitions()
    fitted, unused, fresh = (np.median(expert.novelty(t.obs, t.act, step=t.step)) for t in (fitted, unused, fresh))
    median = expert.calibration_.median
    assert fitted < median
    assert 0.4 < unused / median < 2.5
    assert 0.4 < fresh / median < 2.5


def test_sparse_offsets_differ_by_seed():
    assert sparse(0).offsets != sparse(1).offsets


def test_a_model_tells_what_it_is(tiny):
    assert repr(RED(seed=4)) == "<RED, not fitted: inputs state-action, shape logarithmic, seed 4>"
    first, second = repr(tiny).splitlines()
    rows = circling().n_transitions
    assert first == f"<RED, fitted to {rows:,} transitions: inputs state-action, shape logarithmic, seed 0"
    assert second.startswith(
        f" pays expert rows, held out {tiny.checks_[0].reward:.2f}; expert states, random actions "
    )


def test_arrays_in_place_of_demonstrations(tiny):
    demos = circling()
    pair = [np.concatenate([t.observations, t.next_observations[-1:]]) for t in demos], [t.actions for t in demos]
    found = RED(seed=0, **TINY).fit(pair)
    assert found.predict(*rows(demos)).tobytes() == tiny.predict(*rows(demos)).tobytes()
