"""A pair of observations and actions is read the same by both calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rexd
from rexd.errors import DemonstrationError
from rexd.reading.anything import demonstrations_of

RANDOM = np.random.default_rng(0)
OBSERVATIONS, ACTIONS = RANDOM.normal(size=(3, 21, 4)), RANDOM.normal(size=(3, 20, 2))


@pytest.mark.parametrize("read", [rexd.to_demonstrations, demonstrations_of])
@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, list, np.ndarray.tolist])
def test_both_calls_take_a_pair(read: Any, convert: Any) -> None:
    one, several = (
        read((convert(OBSERVATIONS[0]), convert(ACTIONS[0]))),
        read((convert(OBSERVATIONS), convert(ACTIONS))),
    )
    assert one.lengths.tolist() == [20]
    assert several.lengths.tolist() == [20] * 3
    np.testing.assert_array_equal(one.trajectories[0].next_observations, OBSERVATIONS[0, 1:])
    np.testing.assert_array_equal(several.trajectories[2].actions, ACTIONS[2])


def test_a_length_cuts_one_array_of_several_trajectories() -> None:
    rows = OBSERVATIONS[:, :20].reshape(60, 4), ACTIONS.reshape(60, 2)
    demos = rexd.to_demonstrations(rows, episode_length=20)
    assert demos.lengths.tolist() == [20] * 3
    np.testing.assert_array_equal(demos.trajectories[1].observations, OBSERVATIONS[1, :20])
    assert rexd.to_demonstrations(rows).lengths.tolist() == [60]
    with pytest.raises(DemonstrationError, match="60 steps do not divide into trajectories of 7"):
        rexd.to_demonstrations(rows, episode_length=7)


def test_two_transitions_and_two_trajectories_are_no_pair() -> None:
    transitions = tuple((OBSERVATIONS[0, t], ACTIONS[0, t], 0.5, OBSERVATIONS[0, t + 1], t == 1) for t in range(2))
    (t,) = rexd.to_demonstrations(transitions)
    np.testing.assert_array_equal(t.actions, ACTIONS[0, :2])
    trajectories = tuple({"obs": o, "acts": a} for o, a in zip(OBSERVATIONS[:2], ACTIONS[:2], strict=True))
    assert rexd.to_demonstrations(trajectories).lengths.tolist() == [20, 20]


def test_columns_are_selected() -> None:
    demos = rexd.to_demonstrations((OBSERVATIONS, ACTIONS), columns=[3, 0])
    np.testing.assert_array_equal(demos.trajectories[0].observations, OBSERVATIONS[0, :20, [3, 0]].T)
