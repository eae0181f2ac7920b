"""Inferring where trajectories begin: right, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from returning import episodes

from rexd.errors import DemonstrationError
from rexd.reading.containers.pickles.unpickler import load_pickle
from rexd.reading.rows.ends.equal_length import find_boundaries

RED = ["Ant", "HalfCheetah", "Hopper", "Reacher", "Walker2d"]


def red(shared_data: Path, name: str) -> NDArray[np.float64]:
    return np.asarray(load_pickle(shared_data / "red" / f"{name}-v2.pkl")["observations"])


def length(observations: NDArray[Any], limit: int | None = None) -> int:
    return find_boundaries("file.pkl", observations, max_episode_steps=limit).episode_length


@pytest.mark.parametrize("name", RED)
def test_red_files(shared_data: Path, name: str) -> None:
    observations = red(shared_data, name)
    period = len(observations) // 4
    assert length(observations) == period
    assert length(observations[: 3 * period]) == period
    assert length(observations, limit=period) == period


@pytest.mark.parametrize("name", RED)
def test_red_files_cut_elsewhere_are_not_guessed(shared_data: Path, name: str) -> None:
    whole = red(shared_data, name)
    period = len(whole) // 4
    half = period // 2
    uneven = np.concatenate(
        [whole[: 2 * period], whole[2 * period :][:half], whole[3 * period :][:half], whole[:period]]
    )
    shuffled = whole[np.random.default_rng(0).permutation(len(whole))]
    within = [whole[start : start + half] for start in range(0, half, period // 5)]
    for observations in (whole[:period], whole[half:-half], uneven, shuffled, *within):
        with pytest.raises(DemonstrationError, match=r"expected exactly one. Store `terminated` and `trunc"):
            length(observations)


@pytest.mark.parametrize("name", RED)
def test_two_red_trajectories_need_the_time_limit(shared_data: Path, name: str) -> None:
    whole = red(shared_data, name)
    period = len(whole) // 4
    two = whole[: 2 * period]
    with pytest.raises(DemonstrationError, match="if this is one trajectory: --episode-length"):
        length(two)
    assert length(two, limit=period) == period
    with pytest.raises(DemonstrationError, match="if this is one trajectory: --episode-length"):
        length(whole[period // 2 : period // 2 + 2 * period], limit=period)


@pytest.mark.parametrize(("count", "steps"), [(3, 60), (5, 40), (12, 100)])
def test_made_episodes(count: int, steps: int) -> None:
    assert length(episodes([steps] * count)) == steps


@pytest.mark.parametrize(
    "lengths", [[240], [60, 90, 90], [120, 60, 60], [60, 60, 120], [30, 60, 60, 60, 30], [120, 120]]
)
def test_lengths_that_differ_are_not_guessed(lengths: list[int]) -> None:
    with pytest.raises(DemonstrationError, match="240 steps are stored end to end"):
        length(episodes(lengths))


def test_a_gait_that_comes_back_is_no_boundary() -> None:
    """One episode of a limit cycle returns to its start exactly, again and again, but never jumps."""
    t = 2 * np.pi * np.arange(400) / 40
    cycle = np.stack([np.sin(t), np.cos(t), np.sin(2 * t), np.cos(2 * t)], axis=1)
    with pytest.raises(DemonstrationError, match="if this is one trajectory: --episode-length"):
        length(cycle + np.random.default_rng(0).normal(0, 1e-3, cycle.shape))


def test_jumps_that_do_not_return_are_no_boundary() -> None:
    steps = episodes([400]) + np.repeat(np.arange(4), 100)[:, None] * 5
    with pytest.raises(DemonstrationError, match="if this is one trajectory: --episode-length"):
        length(steps)


@pytest.mark.parametrize(
    "observations", [np.zeros((100, 3)), np.random.default_rng(0).normal(size=(100, 3)), np.zeros((1, 2)), np.eye(2)]
)
def test_data_without_structure_is_not_guessed(observations: NDArray[np.float64]) -> None:
    with pytest.raises(DemonstrationError, match="if this is one trajectory: --episode-length"):
        length(observations)


def test_one_episode_of_the_time_limit() -> None:
    found = find_boundaries("file.pkl", episodes([240]), max_episode_steps=240)
    assert found.episode_length == 240
    assert "one trajectory of 240 steps, the environment's time limit" in found.note


def test_the_data_overrule_a_time_limit_that_they_contradict() -> None:
    assert length(episodes([60] * 4), limit=120) == 60
    assert length(episodes([60] * 4), limit=240) == 60


def test_note_says_what_was_inferred() -> None:
    note = find_boundaries("file.pkl", episodes([60] * 4)).note
    assert note.startswith("inferred 4 trajectories of 60 steps: the state jumps back to the start")
    assert "time limit agrees" in find_boundaries("file.pkl", episodes([60] * 4), max_episode_steps=60).note


def test_given_length_is_taken_if_it_divides() -> None:
    observations = episodes([240])
    found = find_boundaries("file.pkl", observations, episode_length=80)
    assert (found.episode_length, found.note) == (80, "cut into 3 trajectories of 80 steps, as asked")
    with pytest.raises(DemonstrationError, match=r"240 steps do not divide into trajectories of 70.* such as 60"):
        find_boundaries("file.pkl", observations, episode_length=70)
    for wrong in (0, -5):
        with pytest.raises(DemonstrationError, match="do not divide"):
            find_boundaries("file.pkl", observations, episode_length=wrong)


def test_nan_does_not_hide_the_boundaries_and_is_named_if_they_are_unclear() -> None:
    observations = episodes([60] * 4)
    observations[130, 2] = np.nan
    assert length(observations) == 60
    with pytest.raises(DemonstrationError, match=r"file\.pkl: observations hold NaN .* first in row 30 of 60"):
        length(observations[100:160])
