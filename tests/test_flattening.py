"""Columns of observations of several parts, compared with those of Gymnasium."""

from __future__ import annotations

import json

import numpy as np
import pytest
from goal_task import NAMES, GoalTask
from gymnasium.spaces import Box, Dict, Discrete, Graph, MultiBinary, MultiDiscrete, OneOf, Space, Text, Tuple
from gymnasium.spaces.utils import flatdim, flatten

from rexd.errors import SpaceMismatchError
from rexd.flattening import Flattening, flattening_of

SPACES: list[Space] = [
    GoalTask.observation_space,
    Dict({"b": Box(-1, 1, (2, 3)), "a": Discrete(4, start=2)}),
    Dict([("b", Box(-1, 1, (2,))), ("a", Box(-1, 1, ()))]),
    Tuple([Discrete(3), Dict(x=MultiDiscrete([2, 3], start=[1, 0]), y=MultiBinary(4)), Box(-1, 1, (2,))]),
    Discrete(5),
    MultiDiscrete([[2, 3], [4, 1]]),
    MultiBinary([2, 2]),
    Dict(image=Box(0, 1, (2, 2), np.float64), few=Box(0, 9, (3,), np.int8)),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_columns_are_those_of_gymnasium(space):
    space.seed(0)
    found, samples = Flattening.of(space), [space.sample() for _ in range(7)]
    assert not found.left_out
    assert found.width == flatdim(space)
    expected = np.stack([flatten(space, sample) for sample in samples])
    np.testing.assert_array_equal(np.stack([found.flatten(sample, 0) for sample in samples]), expected)
    again = Flattening.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found


def test_names():
    assert Flattening.of(GoalTask.observation_space).names == NAMES
    assert Flattening.of(Tuple([Box(-1, 1, (1,)), Discrete(2)])).names == ("0[0]", "1[0]", "1[1]")
    assert Flattening.of(Discrete(3)).names == ()
    assert Flattening.of(Box(-1, 1, (3,))).names == ()


def test_a_plain_box_is_copied_and_otherwise_left_as_it_is():
    found, rows = Flattening.of(Box(-1, 1, (3,))), np.ones((2, 3), np.float64)
    made = found.flatten(rows)
    assert found.plain
    assert made.dtype == np.float64
    rows[:] = 5.0
    assert (made == 1.0).all()


def test_rows_of_dicts_are_sorted_by_key_without_a_space():
    values = {"z": np.arange(6.0).reshape(3, 2), "a": {"y": np.zeros((3,)), "x": np.ones((3, 1, 2))}}
    found = Flattening.of_values(values, 1)
    assert found.names == ("a/x[0]", "a/x[1]", "a/y[0]", "z[0]", "z[1]")
    assert found.flatten(values)[2].tolist() == [1.0, 1.0, 0.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"achieved_goal": [0.0]}, "no part 'desired_goal'; found 'achieved_goal'"),
        ({"achieved_goal": [0.0, 1.0], "desired_goal": [0.0]}, r"'achieved_goal' has shape \(2,\)"),
        ({"achieved_goal": [0.0], "desired_goal": [0.0], "observation": 3}, "'observation/phase'; found a int"),
        (
            {"achieved_goal": [0.0], "desired_goal": [0.0], "observation": {"phase": 3, "place": [0.0, 0.0]}},
            "'observation/phase' has .*; expected one of 3 options from 0 on",
        ),
    ],
)
def test_other_observations_are_named(values, message):
    with pytest.raises(SpaceMismatchError, match=message):
        Flattening.of(GoalTask.observation_space).flatten(values, 0)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Dict(pixels=Box(0, 255, (8, 8, 3), np.uint8), goal=Discrete(2)), "numbers: pixels; expected numbers"),
        (Tuple([Discrete(2), Text(3)]), "numbers: 1;"),
        (Dict(one=OneOf([Discrete(2), Discrete(3)]), goal=Discrete(2)), "numbers: one;"),
        (Graph(Discrete(2), None), "expected a flat Box"),
    ],
)
def test_parts_without_columns_are_refused(space, message):
    with pytest.raises(SpaceMismatchError, match=message):
        flattening_of(space, "Task-v0")


def test_hostile_dicts_are_refused_at_once():
    deep: dict = {}
    deep["again"] = deep
    with pytest.raises(SpaceMismatchError, match="more than 8 dicts within one another"):
        Flattening.of_values(deep, 0)
    wide = {str(n): np.zeros(1) for n in range(10)}
    for _ in range(5):
        wide = {str(n): wide for n in range(10)}
    with pytest.raises(SpaceMismatchError, match="more than 1000 parts"):
        Flattening.of_values(wide, 0)


@pytest.mark.parametrize(
    "change", [{"sizes": [3]}, {"shape": [0]}, {"sizes": [0], "starts": [0], "shape": []}, {"path": 3}]
)
def test_damaged_descriptions_are_refused(change):
    part = {"path": ["a"], "shape": [2], "sizes": [], "starts": []} | change
    with pytest.raises((ValueError, TypeError)):
        Flattening.from_dict({"parts": [part], "left_out": [], "plain": False})
