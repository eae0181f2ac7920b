import copy

import pytest
import torch
from transitions import TINY, build, discrete, rewards, transitions

from rexd.errors import NotFittedError, RewardFileError

BOTH = pytest.mark.parametrize("config", [{}, TINY], ids=["red", "rexd"])


def expert(seed):
    return [{**row, "expert": True} for row in transitions(20, seed)]


@BOTH
@pytest.mark.parametrize("trained", [False, True])
def test_state_is_readable_with_weights_only(tmp_path, config, trained):
    model = build(tmp_path, seed=3, **config)
    if trained:
        model.train()
    state = torch.load(model.save(tmp_path), weights_only=True)
    assert set(state) == set(model.state_dict())
    assert (state["train_once_flag"], state["train_iter"]) == (trained, trained * model.cfg.update_per_collect)
    assert state["sigma"] == model.sigma


def test_state_holds_all_that_is_learnt(tmp_path):
    model = build(tmp_path)
    model.train()
    state = model.state_dict()
    for name in ("target_net", "online_net"):
        assert set(state[name]) == {"l_1.weight", "l_1.bias", "l_2.weight", "l_2.bias"}
    assert [float(entry["step"]) for entry in state["opt"]["state"].values()] == [100.0] * 4


@BOTH
def test_same_rewards_after_a_load(tmp_path, config):
    model, rows = build(tmp_path, seed=3, **config), transitions(30, seed=2)
    model.train()
    model.save(tmp_path)
    other = build(tmp_path, seed=4, **{**config, "sigma": "auto" if config else 0.5})
    other.load(tmp_path)
    assert rewards(other, rows).tolist() == rewards(model, rows).tolist()
    assert (other.sigma, other.train_once_flag, other.train_iter) == (model.sigma, True, model.train_iter)
    third = build(tmp_path, seed=5, **config)
    third.load_state_dict(torch.load(model.save(tmp_path), weights_only=True))
    assert rewards(third, rows).tolist() == rewards(model, rows).tolist()
    with pytest.warns(UserWarning, match="trained once"):
        other.train()


@BOTH
def test_training_goes_on_after_a_load_as_without(tmp_path, config):
    model, rows = build(tmp_path, continual=True, **config), transitions(30, seed=2)
    model.train()
    path = model.save(tmp_path)
    other = build(tmp_path, continual=True, **config)
    other.load_state_dict(torch.load(path, weights_only=True))
    for each in (model, other):
        each.collect_data(expert(5))
        each.train()
    assert rewards(other, rows).tolist() == rewards(model, rows).tolist()
    assert other.train_iter == model.train_iter == 2 * model.cfg.update_per_collect


def test_models_share_nothing_after_a_load(tmp_path):
    first, alone = (build(tmp_path, continual=True) for _ in range(2))
    other = build(tmp_path, continual=True)
    first.train()
    alone.train()
    other.load_state_dict(first.state_dict())
    other.collect_data(expert(5))
    other.train()
    for each in (first, alone):
        each.collect_data(expert(6))
        each.train()
    rows = transitions(30, seed=2)
    assert rewards(first, rows).tolist() == rewards(alone, rows).tolist()
    assert rewards(first, rows).tolist() != rewards(other, rows).tolist()


def test_a_fresh_state_makes_a_trained_calibrated_model_fresh(tmp_path):
    model, fresh = build(tmp_path, **TINY), build(tmp_path, **TINY)
    model.train()
    wanted = rewards(model, transitions(5)).tolist()
    model.load_state_dict(fresh.state_dict())
    assert (model.sigma, model.online_net, model.train_once_flag) == (None, None, False)
    with pytest.raises(NotFittedError, match=r"call train\(\)"):
        model.estimate(transitions(5))
    model.train()
    assert rewards(model, transitions(5)).tolist() == wanted


def damaged(state, change):
    state = copy.deepcopy(state)
    change(state)
    return state


def nan(tensor):
    tensor.reshape(-1)[0] = float("nan")


DAMAGE = {
    "missing": lambda s: s.pop("online_net"),
    "more": lambda s: s.update(more=1),
    "shape": lambda s: s["online_net"].update({"l_1.weight": torch.zeros(3, 3)}),
    "name": lambda s: s["target_net"].pop("l_2.bias"),
    "no network": lambda s: s.update(target_net=3),
    "NaN": lambda s: nan(s["online_net"]["l_2.weight"]),
    "no optimizer": lambda s: s.update(opt={}),
    "optimizer's groups": lambda s: s["opt"].update(param_groups=[]),
    "optimizer's settings": lambda s: s["opt"]["param_groups"][0].pop("betas"),
    "optimizer's shapes": lambda s: s["opt"]["state"][0].update(exp_avg=torch.zeros(2)),
    "optimizer's NaN": lambda s: nan(s["opt"]["state"][2]["exp_avg_sq"]),
    "sigma": lambda s: s.update(sigma=-1.0),
    "sigma's kind": lambda s: s.update(sigma="large"),
    "no sigma": lambda s: s.update(sigma=None),
    "flag": lambda s: s.update(train_once_flag="yes"),
    "count": lambda s: s.update(train_iter=-3),
    "generator": lambda s: s.update(generator=torch.zeros(3, dtype=torch.uint8)),
    "generator's kind": lambda s: s.update(generator=None),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_state_changes_nothing(tmp_path, damage):
    model, other = build(tmp_path), build(tmp_path, seed=1)
    model.train()
    other.train()
    assert_refused(model, damaged(other.state_dict(), DAMAGE[damage]))


CALIBRATED_DAMAGE = {
    "missing": lambda s: s.pop("calibrated"),
    "not a pair": lambda s: s.update(calibrated=[1]),
    "version": lambda s: s["calibrated"][0].update(version=99),
    "shape": lambda s: s["calibrated"][1].update({"encoder.mean": torch.zeros(1)}),
    "generator": lambda s: s.update(generator=torch.zeros(3)),
    "no sigma": lambda s: s.update(sigma=None),
}


@pytest.mark.parametrize("damage", CALIBRATED_DAMAGE)
def test_damaged_calibrated_state_changes_nothing(tmp_path, damage):
    model, other = build(tmp_path, **TINY), build(tmp_path, seed=1, **TINY)
    model.train()
    other.train()
    assert_refused(model, damaged(other.state_dict(), CALIBRATED_DAMAGE[damage]))


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({}, TINY),
        (TINY, {}),
        ({}, {"hidden_size": 64}),
        ({}, {"rows": "discrete"}),
        (TINY, {**TINY, "rows": "discrete"}),
    ],
    ids=["red of rexd", "rexd of red", "width", "columns", "calibrated columns"],
)
def test_state_of_another_model_changes_nothing(tmp_path, mine, theirs):
    theirs = dict(theirs)
    other = build(tmp_path, discrete() if theirs.pop("rows", None) else None, **theirs)
    model = build(tmp_path, **mine)
    model.train()
    other.train()
    other.save(tmp_path)
    with pytest.raises(RewardFileError, match=r"ckpt_best\.pth\.tar: "):
        model.load(tmp_path)
    assert_refused(model, other.state_dict())


def assert_refused(model, state):
    rows = transitions(10, seed=2)
    before, wanted = copy.deepcopy(model.state_dict()), rewards(model, rows).tolist()
    with pytest.raises(RewardFileError, match="state"):
        model.load_state_dict(state)
    assert rewards(model, rows).tolist() == wanted
    assert_equal(model.state_dict(), before)


def assert_equal(a, b):
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_equal(left, right)
    else:
        assert a == b
