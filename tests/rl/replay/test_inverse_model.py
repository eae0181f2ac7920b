"""Labels for demonstrated transitions, from the agent's own."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete

from rexd.rl.replay import inverse_model
from rexd.rl.replay.inverse_model import InverseModel, within


def moves(rows=600, seed=0):
    """States (x, a constant), and actions that add a fifth of theirs to x."""
    rng = np.random.default_rng(seed)
    obs = np.stack([rng.normal(size=rows), np.ones(rows)], axis=1).astype(np.float32)
    act = rng.uniform(-1.0, 1.0, (rows, 1)).astype(np.float32)
    return obs, act, obs + act * np.float32([0.2, 0.0])


def test_it_finds_the_action_between_two_states(monkeypatch):
    monkeypatch.setattr(inverse_model, "UPDATES", 300)
    model = InverseModel.fit(*moves(), seed=0)
    obs, act, next_obs = moves(seed=1)
    assert np.abs(model.label(obs, next_obs) - act).mean() < 0.05


def test_a_seed_gives_the_same_labels_and_another_others(monkeypatch):
    monkeypatch.setattr(inverse_model, "UPDATES", 20)
    obs, _, next_obs = moves(seed=1)
    one, same, other = (InverseModel.fit(*moves(), seed=seed).label(obs, next_obs) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_what_the_agent_never_saw_gets_a_finite_label(monkeypatch):
    monkeypatch.setattr(inverse_model, "UPDATES", 20)
    model = InverseModel.fit(*moves(), seed=0)
    far = np.full((3, 2), 1e6, np.float32)
    assert np.abs(model.label(far, -far)).max() < 100.0


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (Box(-2.0, 3.0, (5,)), [[1.0, 0.2, -1.0, 0.5, 0.4]]),
        (Discrete(5), [[1, 0, 0, 0, 0]]),
        (MultiDiscrete([2, 3]), [[1, 0, 0, 1, 0]]),
    ],
)
def test_labels_are_actions_that_the_space_has(space, expected):
    found = within(space, np.float32([[1.5, 0.2, -7.0, 0.5, 0.4]]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.float32(expected))
