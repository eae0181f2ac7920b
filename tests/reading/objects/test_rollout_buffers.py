"""Rollout buffers of Stable-Baselines3: the real classes, filled as on-policy algorithms fill them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rexd
from rexd.errors import DemonstrationError

buffers = pytest.importorskip("stable_baselines3.common.buffers")
spaces = pytest.importorskip("gymnasium.spaces")
torch = pytest.importorskip("torch")

LENGTHS = (5, 3, 7, 4)


def filled(
    steps: int, environments: int = 2, *, size: int = 16, parts: bool = False, space: Any = None, begun: bool = True
) -> tuple[Any, NDArray[Any], NDArray[Any]]:
    """Return a buffer, its observations and its actions; each environment's episodes are of ``LENGTHS``."""
    rng = np.random.default_rng(0)
    space = space or spaces.Box(-1, 1, (2,), np.float32)
    observations = rng.normal(size=(steps, environments, 3)).astype(np.float32)
    actions = (
        rng.integers(0, space.n, (steps, environments, 1))
        if isinstance(space, spaces.Discrete)
        else rng.normal(size=(steps, environments, 2)).astype(np.float32)
    )
    box = spaces.Box(-9, 9, (3,), np.float32)
    kind, observed = buffers.RolloutBuffer, box
    if parts:
        kind = buffers.DictRolloutBuffer
        observed = spaces.Dict({"z": spaces.Box(-9, 9, (1,)), "a": spaces.Box(-9, 9, (2,))})
    buffer = kind(size, observed, space, device="cpu", n_envs=environments)
    starts = np.cumsum([0, *LENGTHS])
    for t in range(steps):
        row = observations[t]
        begins = np.full(environments, t in starts and (begun or t > 0))
        ones = torch.zeros(environments)
        buffer.add(
            {"z": row[:, 2:], "a": row[:, :2]} if parts else row, actions[t], np.ones(environments), begins, ones, ones
        )
    return buffer, observations, actions


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("environments", [1, 3])
def test_the_steps_of_each_environment_in_order(environments: int, parts: bool, taken: bool) -> None:
    buffer, observations, actions = filled(16, environments, parts=parts)
    if taken:  # PPO's own update flattens the arrays in place
        next(buffer.get(4))
    demos = rexd.to_demonstrations(buffer)
    assert demos.lengths.tolist() == [5, 3, 7, 1] * environments
    rows = demos.transitions()
    np.testing.assert_array_equal(rows.obs, observations.swapaxes(0, 1).reshape(-1, 3))
    np.testing.assert_array_equal(rows.act, np.clip(actions, -1, 1).swapaxes(0, 1).reshape(-1, 2))
    for t in demos:
        np.testing.assert_array_equal(t.next_observations[:-1], t.observations[1:])
        assert t.next_known.tolist() == [True] * (len(t) - 1) + [False]
        assert t.truncated[-1]
        assert t.rewards is None
    notes = " ".join(demos.notes)
    assert "does not say what ended an episode" in notes
    assert "left out the rewards" in notes
    assert "action entries" in notes


def test_a_part_that_is_not_filled_yet_is_left_out() -> None:
    buffer, observations, _ = filled(9)
    demos = rexd.to_demonstrations(buffer)
    assert demos.lengths.tolist() == [5, 3, 1] * 2
    np.testing.assert_array_equal(demos.transitions().obs, observations.swapaxes(0, 1).reshape(-1, 3))


def test_an_episode_that_began_before_is_noted() -> None:
    demos = rexd.to_demonstrations(filled(16, begun=False)[0])
    assert any(note.startswith("2 trajectories lack their beginnings") for note in demos.notes)
    assert not any("beginnings" in note for note in rexd.to_demonstrations(filled(16)[0]).notes)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_discrete_actions(dtype: type) -> None:
    buffer, _, actions = filled(16, space=spaces.Discrete(4))
    buffer.actions = buffer.actions.astype(dtype)
    demos = rexd.to_demonstrations(buffer)
    assert demos.n_actions == 4
    np.testing.assert_array_equal(np.concatenate([t.actions for t in demos]), actions[..., 0].T.reshape(-1))


def test_what_a_real_run_leaves() -> None:
    algorithms = pytest.importorskip("stable_baselines3")
    model = algorithms.PPO("MlpPolicy", "Pendulum-v1", n_steps=250, batch_size=50, n_epochs=1, device="cpu", seed=0)
    model.learn(250)
    demos = rexd.to_demonstrations(model.rollout_buffer, env="Pendulum-v1")
    assert demos.lengths.tolist() == [200, 50]
    np.testing.assert_allclose(np.linalg.norm(demos.transitions().obs[:, :2], axis=1), 1, rtol=1e-5)


def test_an_empty_buffer() -> None:
    with pytest.raises(DemonstrationError, match="the rollout buffer is empty"):
        rexd.to_demonstrations(filled(0)[0])


def test_attributes_are_enough() -> None:
    real, observations, _ = filled(16)
    names = ("observations", "actions", "episode_starts", "returns", "pos", "full")
    fake = SimpleNamespace(**{name: getattr(real, name) for name in names})
    demos = rexd.to_demonstrations(fake)
    np.testing.assert_array_equal(demos.transitions().obs, observations.swapaxes(0, 1).reshape(-1, 3))
