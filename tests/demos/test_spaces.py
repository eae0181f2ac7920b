"""Fitting demonstrations to spaces, told by their attributes alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rexd.demos import Demonstrations, Trajectory, fit_to_spaces
from rexd.errors import SpaceMismatchError


def box(*shape: int, low: float = -1.0, high: float = 1.0, dtype: type = np.float32) -> SimpleNamespace:
    return SimpleNamespace(shape=shape, low=np.full(shape, low), high=np.full(shape, high), dtype=dtype)


def discrete(n: int, start: int = 0) -> SimpleNamespace:
    return SimpleNamespace(shape=(), n=n, start=start)


def demos(columns: int = 3, actions: Any = None) -> Demonstrations:
    actions = np.array([[-2.0], [0.5], [2.0]]) if actions is None else np.asarray(actions)
    return Demonstrations((Trajectory.from_steps(np.zeros((len(actions), columns)), actions),), source="a.pkl")


def test_continuous_actions_are_clipped_and_noted() -> None:
    fitted = fit_to_spaces(demos(), box(3, low=-np.inf, high=np.inf), box(1))
    assert fitted.trajectories[0].actions.tolist() == [[-1.0], [0.5], [1.0]]
    assert fitted.notes == ("clipped 2 of 3 action entries (66.7%) to the action space",)


def test_unbounded_actions_stay() -> None:
    fitted = fit_to_spaces(demos(), box(3), box(1, low=-np.inf, high=np.inf))
    assert fitted.trajectories[0].actions.tolist() == [[-2.0], [0.5], [2.0]]


def test_discrete_space_gives_the_number_of_actions() -> None:
    assert fit_to_spaces(demos(actions=[0, 1, 0]), box(3), discrete(4)).n_actions == 4


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        (111, 27, r"have 111 observation columns, the environment has 27; .*--columns 0:27"),
        (111, 105, r"have 111 .* has 105; .*27 .* 78 .*not a prefix.*--columns 0:27"),
        (11, 10, r"have 11 .* has 10; Reacher-v5.*--columns 0:10"),
        (20, 12, r"have 20 .* has 12; .*--columns 0:12"),
        (4, 17, r"have 4 .* has 17; use the version"),
    ],
)
def test_observation_columns(found: int, expected: int, message: str) -> None:
    with pytest.raises(SpaceMismatchError, match=rf"a\.pkl: the demonstrations {message}"):
        fit_to_spaces(demos(found), box(expected), box(1))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (SimpleNamespace(spaces={"goal": box(2), "pixels": box(8, 8, dtype=np.uint8)}), r"numbers: pixels; .*Filter"),
        (SimpleNamespace(spaces=(box(2), SimpleNamespace(shape=None))), "other than numbers: 1; expected"),
        (
            SimpleNamespace(spaces={"goal": box(2), "state": box(4)}),
            "have 3 observation columns, the environment has 6",
        ),
        (box(64, 64, 3), r"shape \(64, 64, 3\); expected one dimension. Images are not supported"),
        (box(), "single number"),
        (discrete(16), "have 3 observation columns, the environment has 16"),
        (SimpleNamespace(shape=None), "expected a flat Box"),
    ],
)
def test_observation_spaces_of_other_kinds(space: SimpleNamespace, message: str) -> None:
    with pytest.raises(SpaceMismatchError, match=message):
        fit_to_spaces(demos(), space, box(1))


@pytest.mark.parametrize(
    ("actions", "space", "message"),
    [
        (None, box(6), "have 1 action columns, the environment has 6"),
        (None, discrete(2), "1 continuous action columns, the environment expects one of 2 discrete"),
        ([0, 1, 1], box(2), r"discrete actions \(2\), the environment expects 2 continuous"),
        ([0, 1, 5], discrete(4), "use action 5, the environment has actions 0 to 3"),
        ([0, 1, 1], discrete(2, start=1), "start at 1; expected 0"),
        (None, SimpleNamespace(nvec=[2, 2], shape=(2,)), r"1 continuous.* expects discrete choices among \[2, 2\] opt"),
        (None, SimpleNamespace(n=3, shape=(3,)), r"discrete choices among \[2, 2, 2\] options"),
        (None, SimpleNamespace(nvec=[[2, 2]], shape=(1, 2)), "expected one dimension"),
        ([0, 1, 1], SimpleNamespace(nvec=[2, 2], shape=(2,)), "have 1 discrete choices, the environment expects"),
    ],
)
def test_action_spaces(actions: list[int] | None, space: SimpleNamespace, message: str) -> None:
    with pytest.raises(SpaceMismatchError, match=message):
        fit_to_spaces(demos(actions=actions), box(3), space)


def test_gymnasium_spaces_have_these_attributes() -> None:
    spaces = pytest.importorskip("gymnasium").spaces
    assert fit_to_spaces(demos(), spaces.Box(-9, 9, (3,)), spaces.Box(-1, 1, (1,))).notes
    assert fit_to_spaces(demos(actions=[0, 1]), spaces.Box(-9, 9, (3,)), spaces.Discrete(3)).n_actions == 3
    for observation in (spaces.Dict(a=spaces.Discrete(2)), spaces.Tuple([spaces.Discrete(2)]), spaces.Discrete(4)):
        with pytest.raises(SpaceMismatchError):
            fit_to_spaces(demos(), observation, spaces.Box(-1, 1, (1,)))
    for action in (spaces.MultiDiscrete([2, 2]), spaces.MultiBinary(2), spaces.Discrete(3, start=1)):
        with pytest.raises(SpaceMismatchError, match=r"discrete choices among \[2, 2\]|start at 1"):
            fit_to_spaces(demos(), spaces.Box(-9, 9, (3,)), action)
