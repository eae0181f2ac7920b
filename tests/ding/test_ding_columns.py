import numpy as np
import pytest
import torch

from rexd.ding.columns import Columns
from rexd.errors import SpaceMismatchError

OBS = torch.zeros(3, 4)
CONTINUOUS = torch.zeros(3, 2)
NUMBERS = torch.tensor([0, 2, 1])  # 0-d in each transition
COLUMN = NUMBERS[:, None]  # (1,) in each


@pytest.mark.parametrize(
    ("obs", "act", "input_size", "action_shape", "wanted"),
    [
        (OBS, CONTINUOUS, None, None, (4, 2, False)),
        (OBS, CONTINUOUS, 6, None, (4, 2, False)),
        (OBS, CONTINUOUS, 6, 2, (4, 2, False)),
        (OBS, CONTINUOUS, None, (2,), (4, 2, False)),
        (torch.zeros(3, 2, 2, 5), CONTINUOUS, None, None, (20, 2, False)),
        (torch.zeros(3), CONTINUOUS, None, None, (1, 2, False)),
        (OBS, torch.zeros(3), None, None, (4, 1, False)),
        (OBS, torch.zeros(3, 2, dtype=torch.int64), None, None, (4, 2, False)),
        (OBS, NUMBERS, None, None, (4, 3, True)),
        (OBS, NUMBERS, None, 5, (4, 5, True)),
        (OBS, NUMBERS, 9, None, (4, 5, True)),
        (OBS, NUMBERS, 9, 5, (4, 5, True)),
        (OBS, NUMBERS, 5, None, (4, 1, False)),
        (OBS, NUMBERS, None, 1, (4, 1, False)),
        (OBS, NUMBERS.int(), None, np.int64(4), (4, 4, True)),
        (OBS, torch.tensor([True, False, True]), None, None, (4, 2, True)),
        (OBS, COLUMN, None, None, (4, 1, False)),
        (OBS, COLUMN, 5, None, (4, 1, False)),
        (OBS, COLUMN, 7, None, (4, 3, True)),
        (OBS, COLUMN, None, 3, (4, 3, True)),
        (OBS, COLUMN, None, [3], (4, 3, True)),
    ],
)
def test_columns_of_expert_rows(obs, act, input_size, action_shape, wanted):
    found = Columns.of(obs, act, input_size, action_shape)
    assert (found.obs, found.act, found.one_hot) == wanted
    assert found.input_size == wanted[0] + wanted[1] == found.join(obs, act).shape[1]


@pytest.mark.parametrize(
    ("act", "input_size", "action_shape", "message"),
    [
        (CONTINUOUS, 7, None, "input_size is 7, .* 4 columns and its actions 2: expected 6. Leave input_size out"),
        (CONTINUOUS, 3, None, "input_size is 3"),
        (CONTINUOUS, None, 3, "action_shape is 3, but the expert's actions have 2 columns"),
        (NUMBERS, 4, None, "input_size is 4"),
        (NUMBERS, 3, None, "input_size is 3"),
        (NUMBERS, 9, 4, "input_size is 9.* actions 4: expected 8"),
        (NUMBERS, None, 2, "actions run from 0 to 2; expected 0 to 1. Set action_shape in the config"),
        (NUMBERS - 1, None, None, "actions run from -1 to 1"),
        (NUMBERS, 6, None, "actions run from 0 to 2; expected 0 to 1"),
    ],
)
def test_what_does_not_fit(act, input_size, action_shape, message):
    with pytest.raises(SpaceMismatchError, match=message):
        Columns.of(OBS, act, input_size, action_shape)


@pytest.mark.parametrize("act", [NUMBERS, COLUMN, NUMBERS.int(), COLUMN.to(torch.uint8)])
@pytest.mark.parametrize(
    ("input_size", "action_shape", "wanted"), [(None, None, 3), (5, None, 3), (9, None, 5), (5, 4, 4)]
)
def test_always_one_hot(act, input_size, action_shape, wanted):
    found = Columns.of(OBS, act, input_size, action_shape, always_one_hot=True)
    assert (found.act, found.one_hot) == (wanted, True)
    assert found.join(OBS, act).shape[1] == 4 + wanted


def test_an_action_shape_of_one_is_one_column():
    assert Columns.of(OBS, COLUMN, 5, 1, always_one_hot=True) == Columns(4, 1, False)


def test_continuous_actions_are_never_one_hot():
    assert Columns.of(OBS, CONTINUOUS, None, always_one_hot=True) == Columns(4, 2, False)
    assert Columns.of(OBS, torch.zeros(3, 1), 5, always_one_hot=True) == Columns(4, 1, False)


def test_unseen_actions():
    found = Columns.of(OBS, NUMBERS, None)
    assert found.unseen(NUMBERS) is None
    assert found.unseen(NUMBERS + 1).tolist() == found.unseen(COLUMN + 1).tolist() == [False, True, False]
    assert Columns.of(OBS, NUMBERS, None, least=4).unseen(NUMBERS + 1) is None
    for given in ({"input_size": 7}, {"input_size": None, "action_shape": 3}):
        assert Columns.of(OBS, NUMBERS, **given).unseen(NUMBERS + 1) is None  # split refuses it


def test_join_is_one_hot():
    joined = Columns(4, 3, True).join(OBS + 7, NUMBERS)
    assert joined.tolist() == [[7.0] * 4 + hot for hot in ([1, 0, 0], [0, 0, 1], [0, 1, 0])]
    assert joined.dtype == torch.float32
    assert torch.equal(Columns(4, 3, True).join(OBS + 7, COLUMN), joined)
    assert torch.equal(Columns(4, 3, True).join(OBS + 7, NUMBERS.double()), joined)


def test_join_flattens_in_order():
    obs = torch.arange(12, dtype=torch.uint8).reshape(2, 2, 3)
    joined = Columns(6, 1, False).join(obs, torch.tensor([[-1], [-2]]))
    assert joined.tolist() == [[0, 1, 2, 3, 4, 5, -1], [6, 7, 8, 9, 10, 11, -2]]


@pytest.mark.parametrize(
    ("obs", "act", "message"),
    [
        (torch.zeros(3, 5), NUMBERS, r"shape \(3, 5\).* expects \(batch, 4\) and \(batch,\) integers"),
        (OBS, CONTINUOUS, r"actions \(3, 2\)"),
        (OBS, NUMBERS[:2], r"actions \(2,\)"),
        (OBS, NUMBERS + 1, "actions run from 1 to 3; expected 0 to 2"),
        (OBS, NUMBERS + 0.5, "hold fractions"),
    ],
)
def test_rows_of_other_columns(obs, act, message):
    with pytest.raises(SpaceMismatchError, match=message):
        Columns(4, 3, True).split(obs, act)
