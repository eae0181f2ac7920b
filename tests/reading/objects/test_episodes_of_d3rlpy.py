"""Episodes and a replay buffer with the attributes of d3rlpy's, which is not imported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rexd
from rexd.errors import DemonstrationError

LENGTHS = (4, 3, 5)


def episodes(*, discrete: bool = False) -> list[Any]:
    """Return episodes as d3rlpy 2 keeps them: rewards of (T, 1), discrete actions of (T, 1), no final observation."""
    rng = np.random.default_rng(0)
    return [
        SimpleNamespace(
            observations=rng.normal(size=(n, 3)).astype(np.float32),
            actions=rng.integers(0, 3, (n, 1)) if discrete else rng.normal(size=(n, 2)).astype(np.float32),
            rewards=rng.normal(size=(n, 1)).astype(np.float32),
            terminated=number != 1,
        )
        for number, n in enumerate(LENGTHS)
    ]


@pytest.mark.parametrize("wrap", [list, tuple, lambda made: SimpleNamespace(episodes=made), iter])
def test_episodes(wrap: Any) -> None:
    demos = rexd.to_demonstrations(wrap(episodes()))
    assert demos.lengths.tolist() == list(LENGTHS)
    for number, (t, made) in enumerate(zip(demos, episodes(), strict=True)):
        np.testing.assert_array_equal(t.observations, made.observations)
        np.testing.assert_array_equal(t.actions, made.actions)
        np.testing.assert_array_equal(t.rewards, made.rewards[:, 0])
        assert t.next_known.tolist() == [True] * (len(t) - 1) + [False]
        assert bool(t.terminated[-1]) == (number != 1)
        assert t.terminated[-1] != t.truncated[-1]


def test_one_episode() -> None:
    (t,) = rexd.to_demonstrations(episodes()[1])
    assert len(t) == 3
    assert t.truncated[-1]


def test_discrete_actions() -> None:
    demos = rexd.to_demonstrations(SimpleNamespace(episodes=episodes(discrete=True)))
    assert demos.n_actions == 3
    assert demos.trajectories[0].actions.shape == (4,)


@pytest.mark.parametrize("found", [[], [3, 4], None, 7])
def test_episodes_that_are_none(found: Any) -> None:
    with pytest.raises(DemonstrationError, match="expected at least one, each with observations, actions, rewards"):
        rexd.to_demonstrations(SimpleNamespace(episodes=found))
