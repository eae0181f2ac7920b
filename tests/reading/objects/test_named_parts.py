"""Observations of several parts are joined as gymnasium flattens them, in the real buffers of Stable-Baselines3."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

import rexd
from rexd.errors import DemonstrationError
from rexd.reading.objects.named_parts import join_parts

buffers = pytest.importorskip("stable_baselines3.common.buffers")
spaces = pytest.importorskip("gymnasium.spaces")

BOX = spaces.Box(-9, 9, (2,), np.float32)
PARTS = [
    spaces.Dict({"z": BOX, "a": spaces.Box(-9, 9, (1, 3), np.float32)}),
    spaces.Dict(OrderedDict(z=BOX, a=spaces.Box(-9, 9, (3,), np.float64))),  # an order of its own
    spaces.Dict({"mode": spaces.Discrete(4, start=-1), "state": BOX, "flags": spaces.MultiBinary(3)}),
    spaces.Dict({"modes": spaces.MultiDiscrete([2, 5], start=[1, 0]), "state": BOX}),
]


def filled(space: Any, steps: int = 12, environments: int = 2) -> tuple[Any, list[list[Any]]]:
    space.seed(0)
    action = spaces.Box(-1, 1, (1,), np.float32)
    buffer = buffers.DictReplayBuffer(100, space, action, device="cpu", n_envs=environments)
    streams = [[space.sample() for _ in range(steps + 1)] for _ in range(environments)]
    for t in range(steps):
        now, after = (
            {key: np.stack([np.asarray(stream[row][key]) for stream in streams]) for key in space.spaces}
            for row in (t, t + 1)
        )
        done = np.full(environments, t in (4, 8))
        infos = [{"TimeLimit.truncated": t == 4}] * environments
        buffer.add(now, after, np.full((environments, 1), t / 100), np.ones(environments), done, infos)
    return buffer, streams


@pytest.mark.parametrize("space", PARTS)
def test_columns_are_those_of_flatten(space: Any) -> None:
    buffer, streams = filled(space)
    demos = rexd.to_demonstrations(buffer)
    assert demos.lengths.tolist() == [5, 4, 3] * 2
    assert [bool(t.terminated[-1]) for t in demos] == [False, True, False] * 2
    flat = [[spaces.flatten(space, row) for row in stream] for stream in streams]
    rows = demos.transitions()
    np.testing.assert_allclose(rows.obs, np.concatenate([stream[:-1] for stream in flat]))
    np.testing.assert_allclose(rows.next_obs, np.concatenate([stream[1:] for stream in flat]))
    assert rows.next_known.all()
    assert any(note.startswith(f"observation columns are {next(iter(space.spaces))!r} 0:") for note in demos.notes)


def test_images_are_left_out_by_name() -> None:
    image = spaces.Box(0, 255, (3, 8, 8), np.uint8)
    buffer, streams = filled(spaces.Dict({"camera": image, "state": BOX}))
    demos = rexd.to_demonstrations(buffer)
    np.testing.assert_array_equal(demos.trajectories[0].observations, [row["state"] for row in streams[0][:5]])
    assert "left out 'camera' of the observations: images, text and other parts without numbers" in demos.notes
    with pytest.raises(DemonstrationError, match="observations are 'camera', and none of them has one row of numbers"):
        rexd.to_demonstrations(filled(spaces.Dict({"camera": image}))[0])


def test_without_spaces_the_order_is_that_of_the_names() -> None:
    notes: list[str] = []
    joined = join_parts("x", {"b": np.ones((4, 2)), "a": np.zeros((4, 1)), "text": np.array(["t"] * 4)}, None, notes)
    assert joined.tolist() == [[0, 1, 1]] * 4
    left_out = "left out 'text' of the observations: images, text and other parts without numbers"
    assert notes == ["observation columns are 'a' 0:1, 'b' 1:3", left_out]


def test_hindsight_buffers() -> None:
    algorithms = pytest.importorskip("stable_baselines3")
    robotics = pytest.importorskip("stable_baselines3.common.envs")
    from stable_baselines3.her import HerReplayBuffer

    env = robotics.BitFlippingEnv(n_bits=4, continuous=True, max_steps=4)
    model = algorithms.SAC(
        "MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer, learning_starts=40, device="cpu", seed=0
    )
    model.learn(39)
    demos = rexd.to_demonstrations(model.replay_buffer)
    assert demos.obs_dim == 12
    assert demos.lengths.max() == 4
    rows = demos.transitions()
    # achieved_goal, desired_goal, observation: the achieved goal is the observation in this task
    np.testing.assert_array_equal(rows.obs[:, :4], rows.obs[:, 8:])
