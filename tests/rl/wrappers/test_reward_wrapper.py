import gymnasium
import numpy as np
import pytest
from counting import Counting, Spy

from rexd.errors import SpaceMismatchError
from rexd.rl import RewardWrapper


@pytest.mark.parametrize("truncates", [False, True])
def test_every_transition_is_scored_as_it_happened(truncates):
    spy = Spy()
    env = RewardWrapper(Counting(length=2, truncates=truncates), spy)
    rewards = []
    for _ in range(2):
        env.reset(seed=0)
        for action in (0.5, -3.0):
            _, reward, terminated, truncated, info = env.step(np.float32([action]))
            rewards.append(reward)
            assert info == {"reward_run": 7.0, "original_reward": 7.0}
        assert (terminated, truncated) == (not truncates, truncates)
    assert spy.rows == [
        ((0, 0), 0.5, (0, 1)),
        ((0, 1), -1.0, (0, 2)),
        ((1, 0), 0.5, (1, 1)),
        ((1, 1), -1.0, (1, 2)),
    ]
    assert rewards == pytest.approx([0.05, 0.9, 10.05, 10.9])
    assert all(isinstance(r, float) for r in rewards)
    assert env.unwrapped.taken[1] == -3.0  # the environment gets what was sent


def test_a_reset_in_mid_episode():
    spy = Spy()
    env = RewardWrapper(Counting(), spy)
    env.reset()
    env.step([0.0])
    env.reset()
    env.step([0.0])
    assert spy.rows[-1] == ((1, 0), 0.0, (1, 1))


def test_discrete_actions_stay_integers():
    spy = Spy()
    env = RewardWrapper(Counting(discrete=True), spy)
    env.reset()
    env.step(np.int64(4))
    env.step(2)
    assert [act.tolist() for _, act, _ in spy.calls] == [[4], [2]]
    assert spy.calls[0][1].dtype == np.int64


def test_step_before_reset():
    with pytest.raises(gymnasium.error.ResetNeeded):
        RewardWrapper(Counting(), Spy()).step([0.0])


def test_unsupported_spaces_are_refused_at_once():
    env = Counting()
    env.observation_space = gymnasium.spaces.Text(3)
    with pytest.raises(SpaceMismatchError):
        RewardWrapper(env, Spy())
