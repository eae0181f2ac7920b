import numpy as np
import pytest
import torch
from transitions import TINY, build, discrete, rewards, transitions

from rexd.errors import DemonstrationError, SpaceMismatchError

BOTH = pytest.mark.parametrize("config", [{"update_per_collect": 300}, TINY], ids=["red", "rexd"])


def elsewhere(n=60, seed=5, **marks):
    """Rows far from the expert data: with the expert's mark, or without it the agent's."""
    return [{**row, "obs": row["obs"] + 4.0, **marks} for row in transitions(n, seed)]


@BOTH
def test_the_agents_own_rows_are_ignored(tmp_path, config):
    model = build(tmp_path, continual=True, **config)
    model.train()
    rows = elsewhere()
    before = rewards(model, rows).tolist()
    model.collect_data(rows)
    model.collect_data([{**row, "expert": False} for row in rows])
    model.collect_data([{**row, "expert": torch.tensor(False)} for row in rows])
    model.train()
    assert model.collected_data == []
    assert rewards(model, rows).tolist() == before
    assert model.train_iter == model.cfg.update_per_collect


@BOTH
@pytest.mark.parametrize(
    "mark", [{"expert": True}, {"expert": 1}, {"expert": torch.tensor(True)}, {"expert": np.True_}, {"is_expert": 1}]
)
def test_marked_rows_are_learnt(tmp_path, config, mark):
    model = build(tmp_path, continual=True, **config)
    model.train()
    rows, old = elsewhere(**mark), transitions(60, seed=8)
    before = rewards(model, rows).mean()
    model.collect_data([*rows, *elsewhere(seed=6)])
    assert len(model.collected_data) == len(rows)
    model.train()
    assert rewards(model, rows).mean() > before + 0.02
    assert rewards(model, old).mean() > 0.3
    assert model.train_iter == 2 * model.cfg.update_per_collect


@BOTH
@pytest.mark.parametrize("shape", [(), (1,)])
def test_collected_actions_may_have_another_shape(tmp_path, config, shape):
    model = build(tmp_path, discrete(shape=shape), continual=True, action_shape=3, **config)
    other = {(): (1,), (1,): ()}[shape]
    model.collect_data([{**row, "expert": True} for row in discrete(20, seed=4, shape=other)])
    assert {row["action"].shape for row in model.collected_data} == {torch.Size(shape)}
    model.train()
    assert model.train_once_flag


def test_rows_that_pass_the_filter_are_learnt(tmp_path):
    model = build(tmp_path, continual=True, expert_filter=lambda row: row["by"] == "human")
    model.collect_data(elsewhere(3, by="human") + elsewhere(4, by="agent") + elsewhere(5, by="agent", expert=True))
    assert len(model.collected_data) == 8


def test_clear_data_forgets_what_was_collected(tmp_path):
    model, reference = (build(tmp_path, continual=True) for _ in range(2))
    for each in (model, reference):
        each.train()
    model.collect_data(elsewhere(expert=True))
    model.clear_data()
    assert model.collected_data == []
    model.collect_data(elsewhere(expert=True))
    model.clear_date()  # as DI-engine's documentation writes it
    assert model.collected_data == []
    assert len(model.expert_data) == 120
    model.train()  # nothing new, nothing to do
    rows = elsewhere()
    assert rewards(model, rows).tolist() == rewards(reference, rows).tolist()


def test_each_train_learns_from_old_and_new(tmp_path):
    model = build(tmp_path, continual=True)
    seen = []
    distil = model._columns.join

    class Columns:
        def __getattr__(self, name):
            return getattr(type(model)._columns, name)

    model._columns = type(
        "Spy",
        (),
        {
            "join": staticmethod(lambda obs, act: seen.append(len(obs)) or distil(obs, act)),
            "split": staticmethod(lambda obs, act: (obs, act)),
        },
    )()
    model.train()
    model.collect_data(elsewhere(7, expert=True))
    model.train()
    model.collect_data(elsewhere(5, expert=True))
    model.train()
    model.clear_data()
    model.train()
    assert seen == [120, 127, 132]


def test_the_order_of_di_engines_pipelines(tmp_path):
    model = build(tmp_path, continual=True, update_per_collect=20)
    for iteration in range(3):
        model.collect_data(elsewhere(10, seed=iteration, expert=True))
        model.train()
        model.clear_data()
    assert (model.train_iter, model.collected_data) == (60, [])


def test_steps_of_the_log_go_on(tmp_path):
    steps = []
    logger = type("Logger", (), {"add_scalar": lambda self, name, value, step: steps.append(step)})()
    model = build(tmp_path, tb_logger=logger, continual=True, update_per_collect=10)
    model.train()
    model.collect_data(elsewhere(expert=True))
    model.train()
    assert steps == list(range(20))


def test_calibrated_model_is_fitted_anew_with_the_trajectories(tmp_path):
    model = build(tmp_path, continual=True, **TINY)
    model.train()
    first = model.calibrated
    model.collect_data(elsewhere(60, expert=True))  # done after rows 30 and 60
    model.train()
    assert model.calibrated is not first
    assert len(model.calibrated.held_out_novelty_) == 180
    assert model.sigma == model.calibrated.sigma_ != first.sigma_


def test_a_fit_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    model = build(tmp_path, continual=True, **TINY)
    model.train()
    first, before = model.calibrated, rewards(model, transitions(5)).tolist()
    model.collect_data(elsewhere(expert=True))
    monkeypatch.setattr("rexd.reward.estimator.estimator.check_reward", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.train()
    assert model.calibrated is first
    assert rewards(model, transitions(5)).tolist() == before
    assert model.train_iter == model.cfg.update_per_collect


def test_rows_of_arrays_join_rows_of_tensors(tmp_path):
    model = build(tmp_path, continual=True)
    rows = [{"obs": row["obs"].numpy(), "action": row["action"].tolist(), "expert": True} for row in elsewhere(4)]
    rows = [{**row, "action": np.array(row["action"])} for row in rows]
    model.collect_data(rows)
    rows[0]["obs"] += 100.0  # buffers are used again
    model.train()
    assert float(model.collected_data[0]["obs"].max()) < 50.0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"obs": torch.full((4,), float("nan"))},
            DemonstrationError,
            "collect_data: 'obs' is NaN or infinite in 1 of 2",
        ),
        ({"action": torch.full((2,), float("inf"))}, DemonstrationError, "'action' is NaN or infinite"),
        ({"obs": torch.zeros(5)}, DemonstrationError, r"collect_data: 'obs' has shape"),
    ],
)
def test_rows_that_would_spoil_the_model(tmp_path, change, error, message):
    model = build(tmp_path, continual=True)
    rows = elsewhere(2, expert=True)
    rows[1] = {**rows[1], **change}
    with pytest.raises(error, match=message):
        model.collect_data(rows)
    assert model.collected_data == []


def test_rows_of_other_columns(tmp_path):
    model = build(tmp_path, continual=True)
    with pytest.raises(SpaceMismatchError, match=r"expects \(batch, 4\)"):
        model.collect_data([{"obs": torch.zeros(5), "action": torch.zeros(2), "expert": True}])
    with pytest.raises(DemonstrationError, match="transition 0 has no 'obs'"):
        model.collect_data([{"action": torch.zeros(2), "expert": True}])
