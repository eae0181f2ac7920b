"""Which axis of arrays with two axes before the columns is time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rexd.demos import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.rows.axes import with_episodes_first
from rexd.reading.rows.hints import Hints

Float64 = NDArray[np.float64]


def walks(episodes: int, steps: int, columns: int = 3) -> Float64:
    """Return random walks that all begin in the same state, (episodes, steps, columns)."""
    return np.cumsum(np.random.default_rng(episodes).normal(size=(episodes, steps, columns)), axis=1)


def alike(episodes: int, steps: int, columns: int = 3) -> Float64:
    """Return episodes that are nearer to each other than each row to the next one."""
    random = np.random.default_rng(episodes)
    phase = np.arange(steps)[None, :, None] * random.uniform(0.1, 0.4, columns)
    return np.sin(phase + 0.01 * random.normal(size=(episodes, 1, 1))) + 1e-3 * random.normal(size=(episodes, steps, 1))


def alternating(episodes: int, steps: int, columns: int = 3) -> Float64:
    """Return a gait in which neighbours lie far apart, and foretell each other."""
    random = np.random.default_rng(episodes)
    phase = np.arange(steps)[None, :, None] * 2.4 + random.uniform(0, 6, (episodes, 1, columns))
    return np.sin(phase) + 0.02 * random.normal(size=(episodes, steps, columns))


def read(observations: Any, hints: Hints | None = None, **others: Any) -> Demonstrations:
    shape = (*observations.shape[:2], 2)
    actions = np.random.default_rng(1).normal(size=shape)
    return read_arrays("memory", {"observations": observations, "actions": actions} | others, hints or Hints())


SHAPES = [(4, 50), (20, 20), (3, 400), (40, 12), (9, 12)]


@pytest.mark.parametrize("make", [walks, alike, alternating])
@pytest.mark.parametrize("shape", SHAPES)
def test_both_orders_are_told(make: Any, shape: tuple[int, int]) -> None:
    episodes = make(*shape)
    kept = read(episodes)
    assert kept.lengths.tolist() == [shape[1]] * shape[0]
    assert not kept.notes
    turned = read(episodes.swapaxes(0, 1))
    assert turned.lengths.tolist() == [shape[1]] * shape[0]
    for number, t in enumerate(turned):
        np.testing.assert_array_equal(t.observations, episodes[number])
    assert f"the first axis is time: {shape[1]} steps of {shape[0]} environments" in turned.notes[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["noise", "zeros", "still"])
def test_noise_and_standstill_are_refused_and_a_length_mends_it(shape: tuple[int, int], kind: str) -> None:
    first, second = shape
    noise = np.random.default_rng(0).normal(size=(first, second, 3))
    values = {"noise": noise, "zeros": 0 * noise, "still": np.broadcast_to(noise[:, :1], noise.shape)}[kind]
    with pytest.raises(DemonstrationError) as caught:
        read(values)
    assert f"{first} trajectories of {second} steps, or {first} steps of {second} environments" in str(caught.value)
    if first == second:
        assert "Store a list" in str(caught.value)
        parts = {"observations": list(values), "actions": list(values[:, :, :2])}
        assert read_arrays("memory", parts, Hints()).lengths.tolist() == [second] * first
        return
    assert f"--episode-length {second} for the first, --episode-length {first} for the second" in str(caught.value)
    assert read(values, Hints(episode_length=second)).lengths.tolist() == [second] * first
    assert read(values, Hints(episode_length=first)).lengths.tolist() == [first] * second
    assert read(values, Hints(max_episode_steps=first)).lengths.tolist() == [first] * second


def test_an_episode_ends_within_the_stream_of_an_environment() -> None:
    dones = np.zeros((50, 4))
    dones[29, 1] = dones[9, 3] = 1
    values = walks(4, 50).swapaxes(0, 1)
    demos = read(values, dones=dones, rewards=np.arange(200.0).reshape(50, 4))
    assert demos.lengths.tolist() == [50, 30, 20, 50, 10, 40]
    np.testing.assert_array_equal(demos.trajectories[2].observations, values[30:, 1])
    assert [bool(t.terminated[-1]) for t in demos] == [False, True, False, False, True, False]
    assert demos.trajectories[1].rewards is not None
    assert demos.trajectories[1].rewards[:2].tolist() == [1.0, 5.0]


@pytest.mark.parametrize("axis", [0, 1])
def test_what_else_tells(axis: int) -> None:
    noise = np.random.default_rng(0).normal(size=(8, 8, 3))
    longer = np.random.default_rng(0).normal(size=(9, 8, 3) if axis == 0 else (8, 9, 3))
    ends = np.zeros((8, 8), bool)
    ends[(-1, slice(None)) if axis == 0 else (slice(None), -1)] = True
    for demos in (
        read(noise, dones=ends),
        read(noise, next_observations=np.roll(noise, -1, axis)),
        read_arrays("memory", {"observations": longer, "actions": noise}, Hints()),
    ):
        assert demos.lengths.tolist() == [8] * 8
        assert any("first axis is time" in note for note in demos.notes) == (axis == 0)
    first = demos.trajectories[0]
    np.testing.assert_array_equal(first.next_observations[-1], longer[8, 0] if axis == 0 else longer[0, 8])


def test_recorded_lengths_say_that_episodes_come_first() -> None:
    noise = np.random.default_rng(0).normal(size=(5, 5, 3))
    assert read(noise, lengths=[5, 4, 3, 5, 5]).lengths.tolist() == [5, 4, 3, 5, 5]


def test_a_list_is_one_array_for_each_trajectory_unless_the_data_say_otherwise() -> None:
    episodes = walks(4, 50)
    for parts, expected in ((episodes, [50] * 4), (episodes.swapaxes(0, 1), [50] * 4), (episodes[:, :4], [4] * 4)):
        columns = {"observations": list(parts), "actions": list(parts[:, :, :2])}
        assert read_arrays("memory", columns, Hints()).lengths.tolist() == expected
    ragged, _ = with_episodes_first("memory", {"observations": [episodes[0], episodes[1, :7]]}, Hints())
    assert [len(part) for part in ragged["observations"]] == [50, 7]


def test_values_that_are_not_finite_are_left_to_others() -> None:
    values = walks(4, 50)
    values[1, 3, 0], values[2, 4, 1], values[0, 0, 2] = np.nan, np.inf, 1e308
    _, notes = with_episodes_first("memory", {"observations": values.swapaxes(0, 1)}, Hints())
    assert len(notes) == 1
    with pytest.raises(DemonstrationError, match=r"trajectory 0: observations: .* NaN, infinite or beyond float32"):
        read(values)


@pytest.mark.parametrize("odd", [{"actions": np.zeros(3)}, {"terminated": np.zeros((3, 4, 3))}])
def test_arrays_of_another_number_of_axes_tell_nothing(odd: dict[str, Any]) -> None:
    listed = {"observations": [np.zeros((4, 2))] * 3, "actions": [np.zeros((4, 1))] * 3}
    content = listed | {name: list(values) for name, values in odd.items()}
    assert with_episodes_first("x", content, Hints()) == (content, [])


def test_arrays_of_other_places_are_left_to_those_who_read_them() -> None:
    content: dict[str, Any] = {"observations": walks(4, 50).swapaxes(0, 1), "actions": np.zeros((50, 4, 1))}
    assert len(with_episodes_first("x", content, Hints())[1]) == 1
    assert with_episodes_first("x", content | {"rewards": np.zeros((50, 3))}, Hints())[1] == []
