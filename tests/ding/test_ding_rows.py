import pickle

import numpy as np
import pytest
import torch
from transitions import transitions

from rexd.ding.rows import gather, write_rewards
from rexd.errors import DemonstrationError


@pytest.mark.parametrize(
    "values",
    [
        [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])],
        [np.array([1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32)],
        [[1.0, 2.0], [3.0, 4.0]],
        [torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0])],
        [np.array([2.0, 1.0])[::-1], np.array([3.0, 4.0], ">f8")],
    ],
    ids=["tensors", "arrays", "lists", "gradient", "strides and byte order"],
)
def test_list_of_dicts(values):
    found = gather([{"obs": value} for value in values], "obs")
    assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert not found.requires_grad


@pytest.mark.parametrize("value", [3, 3.5, True, np.int64(3), torch.tensor(3)])
def test_numbers(value):
    found = gather([{"action": value}] * 2, "action")
    assert found.shape == (2,)
    assert found[0] == value


@pytest.mark.parametrize("change", [lambda a: a, lambda a: a[::-1], lambda a: a.astype(">f4"), torch.from_numpy])
def test_dict_of_arrays(change):
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = gather({"obs": change(array)}, "obs")
    assert found.tolist() == np.asarray(change(array)).tolist()


def test_read_only_arrays_come_without_a_warning():
    array = np.zeros((3, 2), np.float32)
    array.flags.writeable = False
    assert gather({"obs": array}, "obs").shape == (3, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "there are no transitions"),
        ([{"obs": 1}, {"action": 2}], "transition 1 has no 'obs'; found action"),
        ([{"obs": 1}, {}], "transition 1 has no 'obs'; found nothing"),
        ([{"obs": 1}, 3], "transition 1 is a int"),
        (7, "found a int; expected a list of dicts"),
        ({"action": 1}, "the batch has no 'obs'; found action"),
        (
            [{"obs": torch.zeros(2)}, {"obs": torch.zeros(3)}],
            r"shape \(3,\) in transition 1 and \(2,\) in transition 0",
        ),
        ([{"obs": np.zeros(2)}, {"obs": np.zeros(3)}], r"shape \(3,\) in transition 1 and \(2,\) in transition 0"),
        (
            [{"obs": torch.zeros(2)}, {"obs": np.zeros(2)}],
            "holds Tensor; expected tensors, arrays or numbers, all alike",
        ),
        ([{"obs": {"pixels": 1}}] * 2, "'obs' is a dict of pixels.*FlattenObservation"),
        ([{"obs": "north"}] * 2, "'obs' has dtype <U5; expected numbers"),
        ([{"obs": None}] * 2, "'obs' has dtype object; expected numbers"),
    ],
)
def test_what_cannot_be_gathered(data, message):
    with pytest.raises(DemonstrationError, match=message):
        gather(data, "obs")


def test_rewards_are_numbers_of_their_own():
    rows = transitions(3)
    write_rewards(rows, torch.tensor([0.1, 0.2, 0.3]))
    assert [row["reward"].shape for row in rows] == [()] * 3
    assert [round(float(row["reward"]), 3) for row in rows] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_step_rewards_become_0d(shape):
    rows = [{"reward": torch.ones(shape)}, {"reward": torch.ones(shape)}]
    write_rewards(rows, torch.tensor([0.1, 0.2]))
    assert [row["reward"].shape for row in rows] == [(), ()]


@pytest.mark.parametrize("make", [torch.ones, np.ones])
def test_n_step_rewards_keep_their_shape(make):
    rows = [{"reward": make(3)}, {"reward": make(3)}]
    before = rows[0]["reward"]
    write_rewards(rows, torch.tensor([0.25, 0.5]))
    assert [row["reward"].tolist() for row in rows] == [[0.25] * 3, [0.5] * 3]
    rows[0]["reward"][0] = 9.0
    assert rows[0]["reward"].tolist() == [9.0, 0.25, 0.25]
    assert before.tolist() == [1.0] * 3


@pytest.mark.parametrize(("obs", "kind"), [(np.zeros((2, 4)), np.ndarray), (torch.zeros(2, 4), torch.Tensor)])
def test_dict_of_arrays_gets_one_array(obs, kind):
    data = {"obs": obs}
    write_rewards(data, torch.tensor([0.25, 0.5]))
    assert isinstance(data["reward"], kind)
    assert data["reward"].tolist() == [0.25, 0.5]
    assert len(pickle.dumps(data)) < 2000
