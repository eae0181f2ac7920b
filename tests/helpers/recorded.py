"""Three small trajectories as arrays, which tests write in the layouts of other tools."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rexd.demos import Demonstrations

LENGTHS = (4, 3, 5)
STEPS = sum(LENGTHS)
COLUMNS, ACTIONS = 3, 2


def trajectories() -> list[dict[str, NDArray[Any]]]:
    """Return one dict of arrays for each trajectory; the first and the last reach a terminal state."""
    rng = np.random.default_rng(0)
    made = []
    for number, steps in enumerate(LENGTHS):
        states = rng.normal(size=(steps + 1, COLUMNS))
        dones = np.zeros(steps, bool)
        dones[-1] = number != 1
        made.append(
            {
                "observations": states[:-1],
                "actions": rng.normal(size=(steps, ACTIONS)).astype(np.float32),
                "rewards": rng.normal(size=steps),
                "next_observations": states[1:],
                "dones": dones,
            }
        )
    return made


def flat() -> dict[str, NDArray[Any]]:
    """Return the rows of all trajectories end to end."""
    made = trajectories()
    return {name: np.concatenate([t[name] for t in made]) for name in made[0]}


def assert_read(demos: Demonstrations, *, ends: bool = True, following: bool = True, rewards: bool = True) -> None:
    """Assert that the trajectories above were read, as far as the layout holds them."""
    assert [len(t) for t in demos] == list(LENGTHS)
    for number, (t, made) in enumerate(zip(demos, trajectories(), strict=True)):
        np.testing.assert_array_equal(t.observations, made["observations"])
        np.testing.assert_array_equal(t.actions, made["actions"])
        known = slice(None) if following else slice(-1)
        np.testing.assert_array_equal(t.next_observations[known], made["next_observations"][known])
        assert t.next_known.all() == following
        assert t.terminated[-1] == (ends and number != 1)
        assert t.terminated[-1] != t.truncated[-1]
        assert (t.rewards is not None) == rewards
        if t.rewards is not None:
            np.testing.assert_array_equal(t.rewards, made["rewards"])
