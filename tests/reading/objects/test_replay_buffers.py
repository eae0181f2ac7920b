"""A replay buffer of Stable-Baselines3: the real one where it is installed, and its attributes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rexd
from rexd.errors import DemonstrationError


def episode_lengths(env: int) -> list[int]:
    return [5 + env, 4, 6, 3, 7, 5, 4]


def fill(buffer: Any, environments: int, steps: int, *, limit_ends: bool) -> tuple[Any, list[list[Any]]]:
    """Add rows as an off-policy algorithm does; every second episode ends by a time limit."""
    rng = np.random.default_rng(0)
    streams: list[list[Any]] = []
    for env in range(environments):
        rows: list[Any] = []
        number = 0
        while len(rows) < steps:
            length = episode_lengths(env)[number % 7]
            states = rng.normal(size=(length + 1, 3)).astype(np.float32)
            for t in range(length):
                last = t == length - 1
                rows.append(
                    (states[t], states[t + 1], rng.uniform(-1, 1, 2).astype(np.float32), last, last and number % 2)
                )
            number += 1
        streams.append(rows[:steps])
    for t in range(steps):
        rows = [stream[t] for stream in streams]
        obs, following, actions, dones, limits = (np.array([row[k] for row in rows]) for k in range(5))
        infos = [{"TimeLimit.truncated": bool(limit) and limit_ends} for limit in limits]
        buffer.add(obs, following, actions, np.full(environments, float(t)), dones, infos)
    return buffer, streams


def sb3_buffer(size: int, environments: int, *, shares: bool = False, high: float = 1.0) -> Any:
    buffers = pytest.importorskip("stable_baselines3.common.buffers")
    spaces = pytest.importorskip("gymnasium.spaces")
    return buffers.ReplayBuffer(
        size * environments,
        spaces.Box(-10, 10, (3,), np.float32),
        spaces.Box(-high, high, (2,), np.float32),
        device="cpu",
        n_envs=environments,
        optimize_memory_usage=shares,
        handle_timeout_termination=not shares,
    )


@pytest.mark.parametrize("environments", [1, 3])
@pytest.mark.parametrize("steps", [20, 30, 47])
def test_rows_in_the_order_of_each_environment(environments: int, steps: int) -> None:
    size = 30
    buffer, streams = fill(sb3_buffer(size, environments), environments, steps, limit_ends=True)
    demos = rexd.to_demonstrations(buffer)
    kept = [stream[-size:] for stream in streams]
    rows = demos.transitions()
    np.testing.assert_array_equal(rows.obs, np.array([row[0] for stream in kept for row in stream]))
    np.testing.assert_array_equal(rows.next_obs, np.array([row[1] for stream in kept for row in stream]))
    np.testing.assert_array_equal(rows.act, np.array([row[2] for stream in kept for row in stream]))
    assert rows.next_known.all()
    done = np.array([row[3] for stream in kept for row in stream])
    limit = np.array([bool(row[4]) for stream in kept for row in stream])
    np.testing.assert_array_equal(rows.terminated, done & ~limit)
    ends = done.reshape(environments, -1)
    ends[:, -1] = True
    np.testing.assert_array_equal(rows.truncated, ends.reshape(-1) & ~rows.terminated)
    assert ("its oldest trajectories may lack their beginnings" in " ".join(demos.notes)) == (steps >= size)


@pytest.mark.parametrize("environments", [1, 2])
@pytest.mark.parametrize("steps", [20, 30, 47])
def test_a_buffer_that_shares_observations(environments: int, steps: int) -> None:
    size = 30
    buffer, streams = fill(sb3_buffer(size, environments, shares=True), environments, steps, limit_ends=False)
    demos = rexd.to_demonstrations(buffer)
    kept = [stream[-(size - 1) :] if steps >= size else stream for stream in streams]
    rows = demos.transitions()
    np.testing.assert_array_equal(rows.obs, np.array([row[0] for stream in kept for row in stream]))
    following = np.array([row[1] for stream in kept for row in stream])
    np.testing.assert_array_equal(rows.next_obs[rows.next_known], following[rows.next_known])
    assert not any(t.next_known[-1] for t in demos)  # what is stored there is the next episode's first observation


def test_actions_in_the_units_of_the_environment() -> None:
    buffer, streams = fill(sb3_buffer(30, 1, high=2.0), 1, 20, limit_ends=True)
    demos = rexd.to_demonstrations(buffer)
    np.testing.assert_allclose(demos.transitions().act, 2 * np.array([row[2] for row in streams[0]]), atol=1e-6)
    assert demos.notes[-1].startswith("actions scaled from [-1, 1]")
    buffer.actions[:20] *= 2  # filled by hand, in the environment's own units
    demos = rexd.to_demonstrations(buffer)
    np.testing.assert_allclose(demos.transitions().act, 2 * np.array([row[2] for row in streams[0]]), atol=1e-6)
    assert not any("scaled" in note for note in demos.notes)


def fake(**changes: Any) -> Any:
    values = {
        "observations": np.random.default_rng(0).normal(size=(8, 1, 3)),
        "next_observations": None,
        "actions": np.arange(8).reshape(8, 1, 1) % 3,
        "rewards": np.zeros((8, 1)),
        "dones": np.zeros((8, 1)),
        "timeouts": None,
        "pos": 6,
        "full": False,
    }
    return SimpleNamespace(**(values | changes))


def test_attributes_are_enough() -> None:
    demos = rexd.to_demonstrations(fake())
    assert ([len(t) for t in demos], demos.n_actions) == ([6], 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pos": 0}, "memory: the replay buffer is empty"),
        (
            {"observations": {"a": np.zeros((8, 1, 4, 4, 3), np.uint8)}},
            "the observations are 'a', and none of them has one row of numbers",
        ),
        ({"observations": np.zeros((8, 1))}, r"observations are of shape \(8, 1\)"),
        ({"observations": np.zeros((8, 1, 4, 4))}, "as images do"),
    ],
)
def test_what_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        rexd.to_demonstrations(fake(**changes))
