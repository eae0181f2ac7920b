import numpy as np
import pytest
import torch
from logged import Recording
from transitions import TINY, arrays, build, discrete, rewards, transitions

from rexd import RED
from rexd.ding import RedRewardModel
from rexd.errors import DemonstrationError, NotFittedError, RexdError, SpaceMismatchError


def far(rows):
    return [{**row, "action": row["action"] + 3.0} for row in rows]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model = build(tmp_path_factory.mktemp("calibrated"), transitions(400), **{**TINY, "update_per_collect": 300})
    model.train()
    return model


def test_nothing_is_learnt_before_train(tmp_path):
    model = build(tmp_path, **TINY)
    assert isinstance(model.calibrated, RED)
    assert (model.sigma, model.target_net, model.online_net, model.opt) == (None, None, None, None)
    with pytest.raises(NotFittedError, match=r"not trained; call train\(\)"):
        model.estimate(transitions(5))


def test_train_calibrates(trained):
    red = trained.calibrated
    assert trained.sigma == red.sigma_ == pytest.approx(1.0 / red.calibration_.median)
    assert (trained.target_net, trained.online_net) == (red.target_, red.predictor_)
    assert isinstance(trained.online_net, torch.nn.Module)
    assert (trained.train_once_flag, trained.train_iter) == (True, 300)
    assert red.checks_[0].name == "expert rows, held out"


def test_rewards_are_those_of_rexd_red(trained):
    rows = transitions(40, seed=3)
    batch = arrays(rows)
    wanted = trained.calibrated.predict(batch["obs"], batch["action"])
    np.testing.assert_array_equal(rewards(trained, rows), wanted)
    assert trained.estimate(batch) is batch
    np.testing.assert_array_equal(batch["reward"], wanted)
    assert isinstance(batch["reward"], np.ndarray)
    assert all(row["reward"].shape == (1,) for row in rows)
    assert trained.estimate(rows)[0]["reward"].shape == ()


def test_expert_is_paid_more_than_what_is_far(trained):
    unseen = transitions(100, seed=3)
    assert rewards(trained, unseen).mean() > rewards(trained, far(unseen)).mean() + 0.3
    assert 0.0 <= float(rewards(trained, far(unseen)).min()) <= float(rewards(trained, unseen).max()) <= 1.0


def test_equals_red_fitted_to_the_same_trajectories(tmp_path):
    from rexd import Demonstrations, Trajectory

    rows = transitions(120)
    model = build(tmp_path, rows, seed=2, **TINY)
    model.train()
    batch = arrays(rows)
    parts = [slice(start, start + 30) for start in range(0, 120, 30)]
    demos = Demonstrations(tuple(Trajectory.from_steps(batch["obs"][p], batch["action"][p]) for p in parts))
    own = RED(model.calibrated.config).fit(demos)
    np.testing.assert_array_equal(rewards(model, rows), own.predict(batch["obs"], batch["action"]))


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("given", [{}, {"input_size": 5}, {"action_shape": 3}])
def test_integer_actions_are_one_hot_whatever_their_shape(tmp_path, shape, given):
    model = build(tmp_path, discrete(shape=shape), **TINY, **given)
    assert model.cfg.input_size == 7
    model.train()
    found = [rewards(model, discrete(20, seed=3, shape=other)).tolist() for other in ((), (1,))]
    assert found[0] == found[1]
    assert np.unique(model.calibrated.predict(np.zeros((3, 4)), np.arange(3))).size == 3


@pytest.mark.parametrize("config", [{}, TINY], ids=["red", "rexd"])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_an_action_that_is_not_in_the_expert_data_is_paid_nothing(tmp_path, config, shape):
    rows = [{**row, "action": row["action"] % 2} for row in discrete()]
    model = build(tmp_path, rows, **config)
    model.train()
    asked = discrete(30, seed=3, shape=shape)
    beyond = torch.tensor([int(row["action"]) == 2 for row in asked])
    known = rewards(model, [row for row in asked if int(row["action"]) < 2])
    with pytest.warns(UserWarning, match=r"actions up to 2 are .* hold 0 to 1: they are paid 0\. Set action_shape"):
        paid = rewards(model, asked)
    assert paid[beyond].tolist() == [0.0] * int(beyond.sum())
    torch.testing.assert_close(paid[~beyond], known)
    rewards(model, asked)  # a second warning would be an error


def test_an_action_within_action_shape_that_is_not_in_the_expert_data(tmp_path):
    rows = [{**row, "action": row["action"] % 2} for row in discrete()]
    model = build(tmp_path, rows, **TINY, action_shape=3)
    model.train()
    far_off = rewards(model, [{**row, "action": torch.tensor(2)} for row in rows])
    assert 0.0 < far_off.mean() < rewards(model, rows).mean()


def test_no_single_update(tmp_path):
    model = build(tmp_path, **TINY)
    for _ in range(2):
        with pytest.raises(RexdError, match=r"_train makes one update of the documented model.*Call train\(\)"):
            model._train(torch.zeros(4, 6))
        model.train_once_flag or model.train()


@pytest.mark.parametrize("config", [{}, TINY], ids=["red", "rexd"])
@pytest.mark.parametrize("name", ["obs", "action"])
def test_rows_with_nan_are_refused(tmp_path, config, name):
    model = build(tmp_path, **config)
    model.train()
    rows = transitions(9)
    rows[4][name] = rows[4][name].clone()
    rows[4][name][1] = float("nan")
    with pytest.raises(DemonstrationError, match=f"estimate: {name!r} is NaN or infinite in 1 of 9 .* number 4; leave"):
        model.estimate(rows)
    with pytest.raises(DemonstrationError, match="number 4"):
        model.estimate(arrays(rows))
    assert all(row["reward"].shape == (1,) for row in rows)


@pytest.mark.parametrize("given", [{"sigma": "auto"}, {"normalize": True}, {"output_dims": 16}])
def test_settings_select_it_under_the_documented_type(tmp_path, given):
    model = build(tmp_path, update_per_collect=20, n_targets=2, **given)
    assert type(model) is RedRewardModel
    model.train()
    assert model.calibrated.fitted
    assert model.calibrated.config.shape == "exponential"
    held_out = model.calibrated.held_out_novelty_
    assert np.median(np.exp(-model.sigma * held_out)) == pytest.approx(0.5, abs=0.01)


def test_given_sigma_is_used(tmp_path):
    model = build(tmp_path, **{**TINY, "sigma": 2.5, "shape": "exponential"})
    model.train()
    assert model.sigma == 2.5
    batch = arrays(transitions(5))
    wanted = np.exp(-2.5 * model.calibrated.novelty(batch["obs"], batch["action"]))
    np.testing.assert_allclose(model.estimate(batch)["reward"], wanted, rtol=1e-5)


def test_same_seed_same_reward(tmp_path):
    rows, found = transitions(20, seed=1), []
    for seed in (0, 0, 1):
        torch.manual_seed(len(found))
        before = torch.get_rng_state()
        model = build(tmp_path, seed=seed, **TINY)
        model.train()
        assert torch.equal(torch.get_rng_state(), before)
        found.append(rewards(model, rows).tolist())
    assert found[0] == found[1] != found[2]


def test_logs_the_held_out_error_once(tmp_path):
    logger = Recording()
    model = build(tmp_path, tb_logger=logger, **TINY)
    model.train()
    wanted = float(model.calibrated.held_out_novelty_.mean())
    assert logger.calls == [("reward_model/red_loss", pytest.approx(wanted), 0)]


def test_second_train_warns(tmp_path):
    model = build(tmp_path, **TINY)
    model.train()
    with pytest.warns(UserWarning, match="trained once"):
        model.train()


@pytest.mark.parametrize("config", [{}, {"action_shape": 3}, {"input_size": 8}])
def test_discrete_actions(tmp_path, config):
    rows = discrete()
    model = build(tmp_path, rows, **TINY, **config)
    model.train()
    assert model.calibrated.encoder_.columns.discrete
    wrong = [{**row, "action": (row["action"] + 1) % 3} for row in rows]
    assert rewards(model, rows).mean() > rewards(model, wrong).mean()


def test_observations_like_images(tmp_path):
    rows = transitions(60, obs=(2, 3, 4))
    model = build(tmp_path, rows, **TINY)
    model.train()
    assert model.cfg.input_size == 26
    assert rewards(model, rows).shape == (60,)


def test_rows_of_other_columns(trained):
    with pytest.raises(SpaceMismatchError, match=r"expects \(batch, 4\) and \(batch, 2\)"):
        trained.estimate([{"obs": torch.zeros(5), "action": torch.zeros(2)}])


def test_rows_that_ask_for_gradients(trained):
    rows = [{"obs": torch.zeros(4, requires_grad=True), "action": torch.zeros(2)}]
    assert not trained.estimate(rows)[0]["reward"].requires_grad


def test_too_few_rows_leave_the_model_as_it_was(tmp_path):
    model = build(tmp_path, transitions(5), **TINY)
    with pytest.raises(DemonstrationError, match="5 transitions are too few to calibrate"):
        model.train()
    assert not model.train_once_flag
    assert model.sigma is None


def test_n_step_rewards(trained):
    rows = [{**row, "reward": torch.zeros(4)} for row in transitions(5)]
    wanted = rewards(trained, transitions(5)).tolist()
    assert [row["reward"].tolist() for row in trained.estimate(rows)] == [[value] * 4 for value in wanted]
