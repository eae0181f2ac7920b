import random
import warnings

import numpy as np
import pytest
import torch
from logged import Recording
from transitions import arrays, build, discrete, oracle, rewards, transitions, write

from rexd.ding import RedRewardModel, SENet
from rexd.errors import DemonstrationError, SpaceMismatchError


def weights(net):
    return [value.clone() for value in net.state_dict().values()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_attributes_of_a_new_model(tmp_path):
    logger = Recording()
    model = build(tmp_path, tb_logger=logger)
    assert (model.device, model.tb_logger, model.train_once_flag, model.train_iter) == ("cpu", logger, False, 0)
    assert len(model.expert_data) == 120
    for net in (model.target_net, model.online_net):
        assert isinstance(net, SENet)
        assert net.l_1.weight.shape == (128, 6)
        assert net.l_2.weight.shape == (1, 128)
    assert isinstance(model.opt, torch.optim.Adam)
    assert model.opt.param_groups[0]["lr"] == 1e-3
    assert model.opt.param_groups[0]["params"] == list(model.online_net.parameters())
    assert model.sigma == 5.0


def test_constructor_calls_load_expert_data(tmp_path):
    class Own(RedRewardModel):
        def load_expert_data(self):
            self.expert_data = transitions(40)

    model = Own({})
    model.train()
    assert len(model.expert_data) == 40
    assert rewards(model, model.expert_data).mean() > 0.9


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("sigma", [5, 0.5])
def test_reward_is_the_documented_formula(tmp_path, trained, sigma):
    model = build(tmp_path, sigma=sigma)
    if trained:
        model.train()
    rows = transitions(50, seed=1)
    wanted = oracle(model, rows, sigma)
    torch.testing.assert_close(rewards(model, rows), wanted, rtol=1e-6, atol=1e-7)
    assert wanted.std() > 1e-4


def test_reward_of_given_weights(tmp_path):
    model, own = build(tmp_path, hidden_size=16), SENet(6, 16, 1)
    model.online_net.load_state_dict(own.state_dict())
    model.target_net.load_state_dict(own.state_dict())
    assert rewards(model, transitions(5)).tolist() == [1.0] * 5
    with torch.no_grad():
        model.online_net.l_2.bias += 1.0
    rows = transitions(5)
    torch.testing.assert_close(rewards(model, rows), oracle(model, rows), rtol=1e-6, atol=1e-7)


def test_train_learns_the_experts_support(tmp_path):
    model = build(tmp_path, transitions(500), update_per_collect=300)
    before, target = weights(model.online_net), weights(model.target_net)
    model.train()
    assert same(weights(model.target_net), target)
    assert not same(weights(model.online_net), before)
    unseen = transitions(100, seed=7)
    far = [{**row, "obs": 4.0 * row["obs"]} for row in unseen]
    assert rewards(model, unseen).mean() > 0.95
    assert 1 - rewards(model, far).mean() > 10 * (1 - rewards(model, unseen).mean())


def test_train_of_one_step_equals_torch(tmp_path):
    model = build(tmp_path, transitions(64), update_per_collect=1)
    before = weights(model.online_net)
    net = SENet(6, 128, 1)
    net.load_state_dict(model.online_net.state_dict())
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    x = torch.stack([torch.cat([row["obs"], row["action"]]) for row in model.expert_data])
    loss = ((net(x) - model.target_net(x)) ** 2).mean()
    loss.backward()
    opt.step()
    model.train()  # a batch of 64 of 64 rows, in another order
    assert not same(weights(model.online_net), before)
    for a, b in zip(model.online_net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test__train_is_one_update(tmp_path):
    model = build(tmp_path)
    x = torch.randn(10, 6)
    with torch.no_grad():
        wanted = float(((model.online_net(x) - model.target_net(x)) ** 2).mean())
    losses = [model._train(x) for _ in range(20)]
    assert losses[0] == pytest.approx(wanted, rel=1e-5)
    assert losses[-1] < losses[0]
    assert model.train_iter == 0


def test_train_logs_each_update_and_counts(tmp_path):
    logger = Recording()
    model = build(tmp_path, tb_logger=logger, update_per_collect=30)
    model.train()
    assert [call[0] for call in logger.calls] == ["reward_model/red_loss"] * 30
    assert [call[2] for call in logger.calls] == list(range(30))
    assert all(isinstance(call[1], float) for call in logger.calls)
    assert logger.calls[-1][1] < logger.calls[0][1]
    assert (model.train_iter, model.train_once_flag) == (30, True)


def test_second_train_warns_once_and_changes_nothing(tmp_path):
    logger = Recording()
    model = build(tmp_path, tb_logger=logger)
    model.train()
    before, logged = weights(model.online_net), len(logger.calls)
    with pytest.warns(UserWarning, match="RED is trained once"):
        model.train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train()
    assert same(weights(model.online_net), before)
    assert (model.train_iter, len(logger.calls)) == (100, logged)


@pytest.mark.parametrize("module", ["torch.utils.tensorboard", "tensorboardX"])
def test_summary_writers(tmp_path, module):
    pytest.importorskip(module.split(".")[0] if module == "tensorboardX" else "tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not ours
        writer = pytest.importorskip(module).SummaryWriter(str(tmp_path / "log"))
        build(tmp_path, tb_logger=writer).train()
        writer.close()
    content = next((tmp_path / "log").iterdir()).read_bytes()
    assert content.count(b"reward_model/red_loss") == 100


@pytest.mark.parametrize("n", [1, 3, 63])
def test_fewer_demonstrations_than_a_batch(tmp_path, n):
    model = build(tmp_path, transitions(n))
    before = rewards(model, transitions(n)).mean()
    model.train()
    assert rewards(model, transitions(n)).mean() > before
    assert model.train_iter == 100


def test_estimate_writes_in_place_and_returns_the_same_list(tmp_path):
    model, rows = build(tmp_path), transitions(5)
    dicts, old = list(rows), [row["reward"] for row in rows]
    wanted = oracle(model, rows)
    assert model.estimate(rows) is rows
    assert all(a is b for a, b in zip(rows, dicts, strict=True))
    torch.testing.assert_close(torch.stack([row["reward"] for row in rows]), wanted, rtol=1e-6, atol=1e-7)
    assert all(row["reward"].shape == () and row["reward"].dtype == torch.float32 for row in rows)
    assert [float(value) for value in old] == [0.0] * 5  # the tensors that were there may be shared


@pytest.mark.parametrize(("config", "argument"), [({}, False), ({"inplace": False}, None), ({"inplace": True}, False)])
def test_estimate_copies(tmp_path, config, argument):
    model, rows = build(tmp_path, **config), transitions(5)
    kept = [dict(row) for row in rows]
    found = model.estimate(rows, inplace=argument)
    assert found is not rows
    for row, before, new in zip(rows, kept, found, strict=True):
        assert all(row[key] is before[key] for key in before)
        assert new["obs"] is row["obs"]
    torch.testing.assert_close(torch.stack([row["reward"] for row in found]), oracle(model, rows))


@pytest.mark.parametrize(("config", "argument"), [({}, None), ({"inplace": None}, None), ({"inplace": False}, True)])
def test_estimate_does_not_copy(tmp_path, config, argument):
    model, rows = build(tmp_path, **config), transitions(5)
    assert model.estimate(rows, inplace=argument) is rows


@pytest.mark.parametrize("kind", [np.ndarray, torch.Tensor])
def test_dict_of_arrays(tmp_path, kind):
    model, rows = build(tmp_path), transitions(5)
    model.train()
    batch = arrays(rows)
    if kind is torch.Tensor:
        batch = {key: torch.from_numpy(value) for key, value in batch.items()}
    copied = model.estimate(batch, inplace=False)
    assert "reward" not in batch
    assert model.estimate(batch) is batch
    assert isinstance(batch["reward"], kind)
    assert batch["reward"].shape == (5,)
    assert str(batch["reward"].dtype).endswith("float32")
    assert batch["reward"].tolist() == copied["reward"].tolist() == rewards(model, rows).tolist()


def test_rows_of_arrays_and_of_doubles(tmp_path):
    model, rows = build(tmp_path), transitions(5)
    wanted = rewards(model, rows).tolist()
    as_arrays = [{key: row[key].numpy() for key in ("obs", "action")} for row in rows]
    as_doubles = [{key: row[key].double() for key in ("obs", "action")} for row in rows]
    assert rewards(model, as_arrays).tolist() == rewards(model, as_doubles).tolist() == wanted
    assert all("reward" not in row for row in as_arrays)


def test_more_rows_than_a_block(tmp_path):
    model, rows = build(tmp_path), transitions(5000)
    torch.testing.assert_close(rewards(model, rows), oracle(model, rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("empty", [[], {}])
def test_nothing_to_estimate(tmp_path, empty):
    assert build(tmp_path).estimate(empty) is empty


def test_n_step_rewards(tmp_path):
    model, rows = build(tmp_path), transitions(5)
    wanted = rewards(model, rows)
    for row in rows:
        row["reward"] = torch.ones(3)
    found = model.estimate(rows)
    assert [row["reward"].tolist() for row in found] == [[value] * 3 for value in wanted.tolist()]


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("config", [{"action_shape": 3}, {"input_size": 7}])
def test_discrete_actions_one_hot(tmp_path, shape, config):
    rows = discrete(shape=shape)
    model = build(tmp_path, rows, **config)
    assert model.cfg.input_size == 7
    model.train()
    hot = [{**row, "action": torch.eye(3)[int(row["action"])]} for row in rows]
    torch.testing.assert_close(rewards(model, rows), oracle(model, hot), rtol=1e-6, atol=1e-6)


def test_discrete_actions_are_inferred(tmp_path):
    assert build(tmp_path, discrete()).cfg.input_size == 7


@pytest.mark.parametrize(("shape", "config"), [((), {"input_size": 5}), ((1,), {"input_size": 5}), ((1,), {})])
def test_integer_actions_in_one_column(tmp_path, shape, config):
    rows = discrete(shape=shape)
    model = build(tmp_path, rows, **config)
    assert model.cfg.input_size == 5
    model.train()
    torch.testing.assert_close(rewards(model, rows), oracle(model, rows), rtol=1e-6, atol=1e-6)


def test_continuous_actions_of_no_dimension(tmp_path):
    rows = [{**row, "action": row["action"][0]} for row in transitions()]
    model = build(tmp_path, rows)
    assert model.cfg.input_size == 5
    torch.testing.assert_close(rewards(model, rows), oracle(model, rows), rtol=1e-6, atol=1e-6)


def test_observations_like_images(tmp_path):
    rows = transitions(80, obs=(3, 4, 5))
    model = build(tmp_path, rows)
    assert model.cfg.input_size == 62
    model.train()
    torch.testing.assert_close(rewards(model, rows), oracle(model, rows), rtol=1e-5, atol=1e-6)


def test_wrong_input_size(tmp_path):
    with pytest.raises(SpaceMismatchError, match=r"input_size is 5, .* expected 6\. Leave input_size out"):
        build(tmp_path, input_size=5)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"obs": torch.zeros(5)}, SpaceMismatchError),
        ({"action": torch.zeros(3)}, SpaceMismatchError),
        ({"obs": {"a": 1}}, DemonstrationError),
    ],
)
def test_rows_that_do_not_fit_stay_as_they_are(tmp_path, change, error):
    model, rows = build(tmp_path), [{**row, **change} for row in transitions(3)]
    with pytest.raises(error):
        model.estimate(rows)
    assert [row["reward"].tolist() for row in rows] == [[0.0]] * 3


def test_missing_key_names_the_transition(tmp_path):
    rows = transitions(3)
    del rows[1]["action"]
    with pytest.raises(DemonstrationError, match=r"transition 1 has no 'action'; found obs"):
        build(tmp_path).estimate(rows)


def test_same_seed_same_reward_and_no_global_state(tmp_path):
    rows, found = transitions(50, seed=1), {}
    for run, seed in enumerate((0, 0, 1)):
        torch.manual_seed(run)
        np.random.seed(run)  # noqa: NPY002  # what users may rely on
        random.seed(run)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        model = build(tmp_path, transitions(100), seed=seed, sample_size=60)
        model.train()
        found[run] = rewards(model, rows).tolist()
        after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
        assert torch.equal(before[0], after[0])
        assert before[1:] == after[1:]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_seed_0_is_the_default(tmp_path):
    rows = transitions(5)
    assert rewards(build(tmp_path), rows).tolist() == rewards(build(tmp_path, seed=0), rows).tolist()
    assert rewards(build(tmp_path, seed=None), rows).tolist() == rewards(build(tmp_path), rows).tolist()


def test_global_seeds_do_not_change_anything_in_train(tmp_path):
    a, b = build(tmp_path), build(tmp_path)
    torch.manual_seed(5)
    a.train()
    b.train()
    assert same(weights(a.online_net), weights(b.online_net))


def test_collect_and_clear_do_nothing_by_default(tmp_path):
    model = build(tmp_path)
    model.collect_data([{**row, "expert": True} for row in transitions(5)])
    assert model.collected_data == []
    model.clear_data()
    assert len(model.expert_data) == 120


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_cuda(tmp_path, device):
    rows = transitions(50)
    model, on_cpu = build(tmp_path, device=device), build(tmp_path)
    for each in (model, on_cpu):
        each.train()
    found = rewards(model, rows)
    assert found.device.type == "cuda"
    torch.testing.assert_close(found.cpu(), rewards(on_cpu, rows), rtol=1e-3, atol=1e-4)
    path = model.save(tmp_path)
    on_cpu.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    torch.testing.assert_close(found.cpu(), rewards(on_cpu, rows), rtol=1e-4, atol=1e-5)
    model.load(tmp_path)
    model._train(torch.zeros(4, 6))


def test_path_may_be_a_path(tmp_path):
    write(tmp_path, transitions(5))
    assert len(RedRewardModel({"expert_data_path": tmp_path / "expert_data.pkl"}).expert_data) == 5
