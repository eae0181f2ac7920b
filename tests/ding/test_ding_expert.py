import os
import pickle

import numpy as np
import pytest
import torch
from transitions import TINY, build, transitions, write

from rexd.demos import Demonstrations, Trajectory
from rexd.ding import RedRewardModel, create_reward_model
from rexd.ding.columns import Columns
from rexd.ding.expert import as_tensors, number_trajectories, read_expert_data, rows_to_demonstrations, sample_rows
from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations


class Attack:
    """Pickles as a call of ``os.system``."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def load(path):
    return RedRewardModel({"expert_data_path": str(path)})


def load_rows(rows):
    return RedRewardModel({"expert_data_path": rows})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_of_tensors(tmp_path, protocol):
    rows = transitions(9)
    path = tmp_path / "expert_data.pkl"
    path.write_bytes(pickle.dumps(rows, protocol))
    assert_same_rows(load(path).expert_data, rows)


def test_pickle_of_arrays_and_numbers(tmp_path):
    rows = [{"obs": row["obs"].numpy(), "action": 0.5 * k, "note": "x"} for k, row in enumerate(transitions(9))]
    found = load(write(tmp_path, rows)).expert_data
    assert [float(row["action"]) for row in found] == [0.5 * k for k in range(9)]
    assert all(isinstance(row[name], torch.Tensor) for row in found for name in ("obs", "action"))
    assert found[0]["note"] == "x"


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_file(tmp_path, zipped):
    rows = transitions(9)
    torch.save(rows, tmp_path / "expert_data.pkl", _use_new_zipfile_serialization=zipped)
    assert_same_rows(load(tmp_path / "expert_data.pkl").expert_data, rows)


def test_npz_of_rexd(tmp_path):
    rng = np.random.default_rng(0)
    made = [
        Trajectory.from_steps(rng.normal(size=(11, 4)), rng.normal(size=(10, 2)), terminated=k == 0) for k in (0, 1)
    ]
    save_demonstrations(Demonstrations(tuple(made)), tmp_path / "demos.npz")
    model = load(tmp_path / "demos.npz")
    assert len(model.expert_data) == 20
    assert set(model.expert_data[0]) == {"obs", "action", "next_obs", "done"}
    for row, wanted in zip(model.expert_data[10:], made[1].observations, strict=True):
        np.testing.assert_allclose(row["obs"], wanted)
    assert number_trajectories(model.expert_data).tolist() == [0] * 10 + [1] * 10
    assert model.cfg.input_size == 6


def test_missing_file(tmp_path):
    with pytest.raises(DemonstrationError, match=r"nowhere\.pkl: does not exist"):
        load(tmp_path / "nowhere.pkl")


def test_default_path_is_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DemonstrationError, match=r"^expert_data\.pkl: does not exist"):
        RedRewardModel({})
    write(tmp_path, transitions(9))
    assert len(RedRewardModel({}).expert_data) == 9


@pytest.mark.parametrize("kept", [0, 1, 2, 100, -1])
def test_cut_file(tmp_path, kept):
    path = tmp_path / "expert_data.pkl"
    path.write_bytes(pickle.dumps(transitions(9))[:kept])
    with pytest.raises(DemonstrationError, match=r"expert_data\.pkl"):
        load(path)


def test_hostile_pickle_executes_nothing(tmp_path):
    mark = tmp_path / "mark"
    rows = [*transitions(9), {"obs": Attack(f"touch {mark}"), "action": 0}]
    with pytest.raises(UnsafeFileError, match=r"expert_data\.pkl.*system"):
        load(write(tmp_path, rows))
    torch.save(rows, tmp_path / "zipped.pkl")
    with pytest.raises(UnsafeFileError, match=r"zipped\.pkl.*system"):
        load(tmp_path / "zipped.pkl")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], ""),
        ({}, ""),
        (None, ""),
        (3, ""),
        ([3], ""),
        ([{"reward": 1}], ""),
        ([{"obs": 1.0}], "transition 0 has no 'action'; found obs"),
        ([{"obs": 1.0, "action": 1.0}, 3], "transition 1 is a int; expected a dict"),
        ([{"obs": 1.0, "action": 1.0}, {"obs": 1.0}], "transition 1 has no 'action'"),
        ([{"obs": np.zeros(2), "action": 1.0}, {"obs": np.zeros(3), "action": 1.0}], r"shape \(3,\) in transition 1"),
        ([{"obs": {"pixels": np.zeros(2)}, "action": 1.0}], "'obs' is a dict of pixels"),
        ([{"obs": "north", "action": 1.0}], "expected"),
    ],
)
def test_other_content(tmp_path, content, message):
    with pytest.raises(DemonstrationError, match=rf"(?s)expert_data\.pkl.*{message}"):
        load(write(tmp_path, content))


@pytest.mark.parametrize("name", ["obs", "action"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(tmp_path, name, value):
    rows = transitions(9)
    rows[4][name][1] = value
    with pytest.raises(DemonstrationError, match=rf"{name!r} is NaN or infinite in 1 of 9 .* number 4"):
        load(write(tmp_path, rows))


def in_memory(kind):
    """Expert rows of three episodes, in one of the forms that are taken from memory, and the rows as a list."""
    rows = [{name: value.numpy() for name, value in row.items()} for row in transitions(90)]
    obs, act, done = (np.stack([row[name] for row in rows]) for name in ("obs", "action", "done"))
    parts = [slice(start, start + 30) for start in (0, 30, 60)]
    demos = Demonstrations(tuple(Trajectory.from_steps(obs[p], act[p]) for p in parts))
    return {
        "dicts": rows,
        "tensors": transitions(90),
        "arrays": {"obs": obs, "action": act, "done": done},
        "no ends": {"observations": obs, "actions": act},
        "a pair": (obs, act),
        "pairs of episodes": ([obs[p] for p in parts], [act[p] for p in parts]),
        "tuples": list(zip(obs, act, strict=True)),
        "Demonstrations": demos,
        "Transitions": demos.transitions(),
    }[kind], rows


@pytest.mark.parametrize(
    ("kind", "episodes"),
    [
        ("dicts", 3),
        ("tensors", 3),
        ("arrays", 3),
        ("no ends", 1),
        ("a pair", 1),
        ("pairs of episodes", 3),
        ("tuples", 1),
        ("Demonstrations", 3),
        ("Transitions", 3),
    ],
)
def test_rows_in_memory(kind, episodes):
    given, rows = in_memory(kind)
    model = create_reward_model({"type": "red", "expert_data_path": given}, "cpu", None)
    for name in ("obs", "action"):
        found = np.stack([row[name].numpy() for row in model.expert_data])
        np.testing.assert_array_equal(found, np.stack([row[name] for row in rows]))
    assert model._trajectory.max() == episodes - 1
    model.train()
    assert 0.0 < float(model.estimate(transitions(3))[0]["reward"]) <= 1.0


def test_rows_in_memory_are_named_in_messages():
    rows = transitions(9)
    rows[4]["obs"][1] = float("nan")
    with pytest.raises(DemonstrationError, match="expert_data_path: 'obs' is NaN or infinite in 1 of 9"):
        load_rows(rows)
    with pytest.raises(DemonstrationError, match="memory: is a list"):
        load_rows([])
    with pytest.raises(DemonstrationError, match="expert_data_path: transition 1 is a int"):
        load_rows([rows[0], 3])


def test_the_number_of_actions_that_demonstrations_know():
    made = Trajectory.from_steps(np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 2)
    assert load_rows(Demonstrations((made,), n_actions=3)).cfg.input_size == 7
    assert load_rows(Demonstrations((made,))).cfg.input_size == 6


@pytest.mark.parametrize("kind", ["red", "rexd"])
def test_a_file_without_boundaries(tmp_path, kind):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", observations=rng.normal(size=(50, 4)), actions=rng.normal(size=(50, 2)))
    with pytest.raises(DemonstrationError, match="nothing says where trajectories begin"):
        load_demonstrations(tmp_path / "rows.npz")
    given = {**TINY, "type": kind} if kind == "rexd" else {"type": kind}
    model = create_reward_model({**given, "expert_data_path": str(tmp_path / "rows.npz")}, "cpu", None)
    assert len(model.expert_data) == 50
    model.train()
    assert len(model.estimate(transitions(5))) == 5


def test_sample_is_of_the_size_and_the_seed(tmp_path):
    rows = transitions(50)
    chosen = build(tmp_path, rows, sample_size=20, seed=3).expert_data
    numbers = [next(k for k, row in enumerate(rows) if torch.equal(row["obs"], c["obs"])) for c in chosen]
    assert len(set(numbers)) == 20
    assert numbers != list(range(20))
    again = build(tmp_path, rows, sample_size=20, seed=3).expert_data
    assert_same_rows(again, chosen)
    other = build(tmp_path, rows, sample_size=20, seed=4).expert_data
    assert any(not torch.equal(a["obs"], b["obs"]) for a, b in zip(other, chosen, strict=True))


@pytest.mark.parametrize("size", [50, 51, 1000, None])
def test_sample_of_all(tmp_path, size):
    rows = transitions(50)
    assert_same_rows(build(tmp_path, rows, sample_size=size).expert_data, rows)


def test_default_sample_is_1000_rows():
    assert len(sample_rows(transitions(1), 1000, 0)) == 1
    numbers = sample_rows([{}] * 1500, 1000, 0)
    assert len(set(numbers.tolist())) == 1000
    assert (np.diff(numbers) > 0).all()


def test_rows_are_copies():
    obs, act = np.zeros(2), torch.zeros(2)
    row = as_tensors([{"obs": obs, "action": act}])[0]
    obs += 1
    act += 1
    assert row["obs"].tolist() == row["action"].tolist() == [0, 0]


def test_trajectories_end_where_rows_are_done():
    done = [False, torch.tensor(True), np.array([True]), 0, 0]
    assert number_trajectories([{"done": d} for d in done]).tolist() == [0, 0, 1, 2, 2]
    assert number_trajectories([{"done": True}, {}]).tolist() == [0, 0]
    assert number_trajectories([]).tolist() == []


def test_rows_to_demonstrations():
    rows = transitions(7)
    demos = rows_to_demonstrations(rows, np.array([0, 0, 0, 2, 2, 5, 5]), Columns(4, 2, False), "here")
    assert [len(t) for t in demos] == [3, 2, 2]
    assert demos.source == "here"
    np.testing.assert_array_equal(demos.transitions().act[3], rows[3]["action"])


def test_a_sample_keeps_trajectories_apart(tmp_path):
    rows = transitions(60, episode=20)
    model = build(tmp_path, rows, type="rexd", sample_size=30)
    wanted = [
        next(k for k, row in enumerate(rows) if torch.equal(row["obs"], c["obs"])) // 20 for c in model.expert_data
    ]
    assert model._trajectory.tolist() == wanted
    assert set(wanted) == {0, 1, 2}


def test_errors_are_rexd_errors(tmp_path):
    with pytest.raises(RexdError):
        read_expert_data(tmp_path)


def assert_same_rows(found, wanted):
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert set(a) == set(b)
        for key in b:
            assert a[key].dtype == b[key].dtype
            assert torch.equal(a[key], b[key])
