import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from rexd.errors import SpaceMismatchError
from rexd.evaluation.policies import ConstantPolicy, RandomPolicy, ZeroPolicy

OBSERVATIONS = np.zeros((500, 3))


def test_random_actions_fill_the_space_and_follow_the_seed():
    space = Box(np.float32([-1, 2]), np.float32([1, 6]))
    actions, _ = RandomPolicy(space, 0).predict(OBSERVATIONS)
    assert actions.shape == (500, 2)
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions.mean(axis=0), [0, 4], atol=0.2)
    assert all(space.contains(a) for a in actions)
    np.testing.assert_array_equal(actions, RandomPolicy(space, 0).predict(OBSERVATIONS)[0])
    assert set(RandomPolicy(Discrete(3), 0).predict(OBSERVATIONS)[0].tolist()) == {0, 1, 2}


def test_random_actions_need_bounds():
    with pytest.raises(SpaceMismatchError, match="bounded"):
        RandomPolicy(Box(-np.inf, np.inf, (2,)), 0)


def test_constant_and_zero_actions():
    np.testing.assert_array_equal(ConstantPolicy(np.array([1.0, 2.0])).predict(OBSERVATIONS[:2])[0], [[1, 2], [1, 2]])
    assert ConstantPolicy(3).predict(OBSERVATIONS[:2])[0].tolist() == [3, 3]
    assert ZeroPolicy(Discrete(3)).predict(OBSERVATIONS[:2])[0].tolist() == [0, 0]
    np.testing.assert_array_equal(ZeroPolicy(Box(0.5, 1, (2,))).predict(OBSERVATIONS[:1])[0], [[0.5, 0.5]])
