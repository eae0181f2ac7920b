import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from rexd.rl.replay.one_hot import OneHotReplayBuffer

OBSERVATIONS = Box(-1.0, 1.0, (2,), np.float32)


@pytest.mark.parametrize(
    ("space", "action", "columns"),
    [
        (Discrete(3), [2], [0, 0, 1]),
        (MultiDiscrete([3, 2]), [[1, 0]], [0, 1, 0, 1, 0]),
        (MultiBinary(2), np.array([[1, 0]], np.int8), [0, 1, 1, 0]),
    ],
)
def test_it_holds_one_hot_columns(space, action, columns):
    buffer = OneHotReplayBuffer(8, OBSERVATIONS, space)
    observations = np.ones((1, 2), np.float32)
    buffer.add(observations, 2 * observations, np.array(action), np.array([0.5]), np.array([True]), [{}])
    assert buffer.actions.dtype == np.float32
    np.testing.assert_array_equal(buffer.actions[0, 0], columns)
    assert (buffer.rewards[0, 0], buffer.dones[0, 0], buffer.next_observations[0, 0, 0]) == (0.5, 1.0, 2.0)
