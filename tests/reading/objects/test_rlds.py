"""Episodes and steps in RLDS's layout, as arrays, dicts of steps, and streams of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import rexd
from rexd.errors import DemonstrationError

LENGTHS = (4, 3, 5)


class Dataset:
    """Yields its items anew each time, as a dataset of TensorFlow does; it has no length and no index."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


def episodes() -> list[list[dict[str, Any]]]:
    rng = np.random.default_rng(0)
    return [
        [
            {
                "observation": rng.normal(size=3).astype(np.float32),
                "action": rng.normal(size=2).astype(np.float32) if t < steps else np.full(2, 1e6, np.float32),
                "reward": np.float32(t) if t < steps else np.float32(-1e6),
                "discount": np.float32(1),
                "is_first": t == 0,
                "is_last": t == steps,
                "is_terminal": t == steps and number != 1,
            }
            for t in range(steps + 1)
        ]
        for number, steps in enumerate(LENGTHS)
    ]


def arrays(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: np.stack([np.asarray(step[key]) for step in steps]) for key in steps[0]}


def whole() -> list[dict[str, Any]]:
    return [step for episode in episodes() for step in episode]


@pytest.mark.parametrize(
    "data",
    [
        arrays(whole()),
        {key: torch.as_tensor(value) for key, value in arrays(whole()).items()},
        dict(reversed(arrays(whole()).items())),
        whole(),
        Dataset(whole()),
        iter(whole()),
        {"steps": whole()},
        {"steps": Dataset(whole())},
        [{"steps": steps, "episode_id": 7} for steps in episodes()],
        [{"steps": arrays(steps)} for steps in episodes()],
        Dataset([{"steps": Dataset(steps)} for steps in episodes()]),
        ({"steps": iter(steps)} for steps in episodes()),
        [{key: torch.as_tensor(value) for key, value in step.items()} for step in whole()],
    ],
)
def test_the_last_step_is_the_final_observation(data: Any) -> None:
    demos = rexd.to_demonstrations(data)
    assert demos.lengths.tolist() == list(LENGTHS)
    for number, (t, steps) in enumerate(zip(demos, episodes(), strict=True)):
        columns = arrays(steps)
        np.testing.assert_array_equal(t.observations, columns["observation"][:-1])
        np.testing.assert_array_equal(t.next_observations, columns["observation"][1:])
        np.testing.assert_array_equal(t.actions, columns["action"][:-1])
        np.testing.assert_array_equal(t.rewards, columns["reward"][:-1])
        assert t.next_known.all()
        assert bool(t.terminated[-1]) == (number != 1)
        assert t.terminated[-1] != t.truncated[-1]
    assert any("left out the action and the reward of each trajectory's last step" in note for note in demos.notes)


def test_an_episode_that_was_cut_off_is_truncated() -> None:
    steps = [step for episode in episodes() for step in episode[:-1]]
    for step in steps:
        step["is_terminal"] = False
    demos = rexd.to_demonstrations(steps)
    assert demos.lengths.tolist() == [length - 1 for length in LENGTHS]
    assert all(t.truncated[-1] for t in demos)


def test_parts_of_observations_and_actions_side_by_side() -> None:
    steps = whole()
    for step in steps:
        state = step["observation"]
        step["observation"] = {"state": state[:2], "camera": np.zeros((4, 4, 3), np.uint8), "arm": state[2:]}
        step["action"] = {"turn": step["action"][1:], "move": step["action"][:1]}
        step["language_instruction"] = b"pick up the cup"
    for data in (steps, [{"steps": steps}]):
        demos = rexd.to_demonstrations(data)
        first = arrays(episodes()[0])
        np.testing.assert_array_equal(demos.trajectories[0].observations, first["observation"][:-1][:, [2, 0, 1]])
        np.testing.assert_array_equal(demos.trajectories[0].actions, first["action"][:-1])
        assert any(note.startswith("left out 'camera' of the observations: images") for note in demos.notes)


def test_discrete_actions_and_columns() -> None:
    steps = whole()
    for number, step in enumerate(steps):
        step["action"] = np.int64(number % 3)
    demos = rexd.to_demonstrations(steps, columns=[0, 2])
    assert (demos.n_actions, demos.obs_dim) == (3, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"steps": []}], "episode 0 has no steps"),
        ([{"steps": 7}], "episode 0 has no steps"),
        ({"steps": [{"observation": np.zeros(2)}]}, "expected observation, action, is_first, is_last, is_terminal"),
        ([*whole()[:2], {"observation": np.zeros(3), "is_last": True}], "step 2 has no 'action'"),
        ({**arrays(whole()), "is_last": np.full(15, 3)}, "is_last hold numbers other than 0 and 1"),
        (whole()[:1], "no trajectory has a step"),
    ],
)
def test_what_cannot_be_used(data: Any, message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        rexd.to_demonstrations(data)
