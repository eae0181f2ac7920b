"""One episode: what is accepted, what is refused and how it says so."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from rexd.demos import Trajectory
from rexd.errors import DemonstrationError


def episode(steps: int = 4, **changes: Any) -> Trajectory:
    parts: dict[str, Any] = {
        "observations": np.arange(steps * 3, dtype=np.float64).reshape(steps, 3),
        "actions": np.zeros((steps, 2), np.float32),
        "next_observations": np.ones((steps, 3)),
        "terminated": np.zeros(steps, bool),
        "truncated": np.zeros(steps, bool),
        "next_known": np.ones(steps, bool),
    }
    return Trajectory(**(parts | changes))


def test_final_observation_is_the_last_next_observation() -> None:
    observations = np.arange(10.0).reshape(5, 2)
    built = Trajectory.from_steps(observations, np.zeros((4, 1)), terminated=True)
    np.testing.assert_array_equal(built.observations, observations[:4])
    np.testing.assert_array_equal(built.next_observations, observations[1:])
    assert built.next_known.all()
    assert built.terminated.tolist() == [False, False, False, True]
    assert not built.truncated.any()


def test_without_final_observation_the_last_next_is_marked_unknown() -> None:
    observations = np.arange(8.0).reshape(4, 2)
    built = Trajectory.from_steps(observations, np.zeros((4, 1)))
    np.testing.assert_array_equal(built.next_observations[:-1], observations[1:])
    np.testing.assert_array_equal(built.next_observations[-1], observations[-1])
    assert built.next_known.tolist() == [True, True, True, False]
    assert built.truncated.tolist() == [False, False, False, True]
    assert not built.terminated.any()


def test_other_number_of_observations_is_refused() -> None:
    with pytest.raises(DemonstrationError, match="6 observations do not fit 4 actions; expected 4, or 5"):
        Trajectory.from_steps(np.zeros((6, 2)), np.zeros((4, 1)))


def test_arrays_cannot_be_changed() -> None:
    built = episode()
    with pytest.raises(ValueError, match="read-only"):
        built.observations[0, 0] = 5.0
    with pytest.raises(FrozenInstanceError):
        built.actions = np.zeros((4, 2))  # type: ignore[misc]


def test_arrays_become_contiguous_and_keep_dtype() -> None:
    built = episode(observations=np.asfortranarray(np.ones((4, 3), np.float16)))
    assert built.observations.flags.c_contiguous
    assert built.observations.dtype == np.float16


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observations": np.zeros((4, 8, 8, 3))}, "float64; expected .* or images of shape"),
        ({"observations": np.zeros((4, 3), np.int64)}, "dtype int64; expected floating point"),
        ({"observations": np.zeros((4, 3), object)}, "dtype object"),
        ({"actions": np.zeros(4)}, "integers of shape"),
        ({"actions": np.zeros((4, 2, 1), np.int64)}, "integers of shape"),
        ({"actions": np.zeros((4, 0), np.int64)}, "no columns"),
        ({"actions": np.zeros((3, 2))}, "actions has 3 rows; expected 4"),
        ({"next_observations": np.zeros((4, 2))}, r"next observations have shape \(4, 2\); expected \(4, 3\)"),
        ({"next_observations": np.zeros((4, 3), np.int64)}, "next observations have dtype int64"),
        ({"terminated": np.zeros(4, np.int8)}, "terminated has shape"),
        ({"truncated": np.zeros((4, 1), bool)}, "truncated has shape"),
        ({"next_known": np.zeros(5, bool)}, "next_known has 5 rows; expected 4"),
        ({"next_known": np.array(True)}, "next_known has shape"),
        ({"rewards": np.zeros(3)}, "rewards has 3 rows"),
        ({"rewards": np.zeros((4, 1))}, "rewards have shape"),
        ({"rewards": np.zeros(4, object)}, "rewards have shape"),
        ({"observations": np.zeros((4, 0)), "next_observations": np.zeros((4, 0))}, "no columns"),
    ],
)
def test_wrong_shapes_and_dtypes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        episode(**changes)


def test_no_steps_is_refused() -> None:
    with pytest.raises(DemonstrationError, match="no steps"):
        Trajectory.from_steps(np.zeros((0, 2)), np.zeros((0, 1)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("observations", "actions", "next_observations", "rewards")
        for value in (np.nan, np.inf, -np.inf, 1e39)
        if (name, value) != ("rewards", np.nan)
    ],
)
def test_values_that_are_not_finite_in_float32_name_the_step(name: str, value: float) -> None:
    array = np.zeros(4) if name == "rewards" else np.zeros((4, 3 if "obs" in name else 2))
    array[2] = value
    with pytest.raises(DemonstrationError, match=rf"{name}: \d values .* the first at step 2"):
        episode(**{name: array})


def test_rewards_that_were_not_recorded_are_nan() -> None:
    rewards = np.array([1.0, np.nan, 2.0, 0.0])
    found = episode(rewards=rewards)
    assert found.rewards is not None
    np.testing.assert_array_equal(found.rewards, rewards)
    assert found.total_reward is None
    assert "return" not in repr(found)
    assert episode(rewards=np.arange(4.0)).total_reward == 6.0


def test_infinity_in_half_precision_is_refused() -> None:
    with pytest.raises(DemonstrationError, match="at step 1"):
        episode(observations=np.array([[0, 0, 0], [0, np.inf, 0], [0, 0, 0], [0, 0, 0]], np.float16))


def test_rows_keep_what_belongs_together() -> None:
    built = replace(episode(), rewards=np.arange(4.0))
    picked = built.rows(np.array([3, 1]))
    np.testing.assert_array_equal(picked.observations, built.observations[[3, 1]])
    assert picked.rewards is not None
    assert picked.rewards.tolist() == [3.0, 1.0]
    assert len(picked) == 2
