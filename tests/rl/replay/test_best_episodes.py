import numpy as np
import pytest
from gymnasium.spaces import Box
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.rl.replay.best_episodes import BestEpisodes, best_rows


def buffer(*returns, lengths=None, envs=1, open_rows=0):
    """Episodes of these returns, one after the other, the same in each environment but for its number's worth more."""
    made = ReplayBuffer(64 * envs, Box(-1, 1, (1,)), Box(-1, 1, (1,)), device="cpu", n_envs=envs)
    lengths = lengths or [2] * len(returns)
    steps = [(total / n, step == n - 1) for total, n in zip(returns, lengths, strict=True) for step in range(n)]
    for reward, done in [*steps, *[(100.0, False)] * open_rows]:
        zeros = np.zeros((envs, 1), np.float32)
        made.add(zeros, zeros, zeros, reward + np.arange(envs), np.full(envs, done), [{}] * envs)
    return made


def test_the_best_come_first():
    at, env = best_rows(buffer(1.0, 9.0, 5.0), most=1)
    assert (at.tolist(), env.tolist()) == ([2, 3], [0, 0])


def test_no_more_than_are_asked_for_and_none_below_the_mean():
    assert best_rows(buffer(1.0, 8.0, 9.0, 7.0), most=2)[0].tolist() == [4, 5, 2, 3]
    assert best_rows(buffer(0.0, 0.0, 9.0, 3.0), most=9)[0].tolist() == [4, 5]


def test_where_all_earn_the_same_there_is_no_best():
    """The constant reward of the control pays every episode nothing."""
    assert len(best_rows(buffer(0.0, 0.0, 0.0), most=5)[0]) == 0
    assert len(best_rows(buffer(3.0), most=5)[0]) == 0


def test_an_episode_that_goes_on_does_not_count():
    assert best_rows(buffer(1.0, 2.0, open_rows=5), most=1)[0].tolist() == [2, 3]
    assert len(best_rows(buffer(open_rows=5), most=1)[0]) == 0


def test_returns_and_not_lengths_decide():
    assert best_rows(buffer(3.0, 2.0, lengths=[1, 6]), most=1)[0].tolist() == [0]


def test_environments_are_apart():
    at, env = best_rows(buffer(1.0, 9.0, envs=2), most=1)
    assert (at.tolist(), env.tolist()) == ([2, 3], [1, 1])


def test_they_are_looked_for_again_when_an_episode_is_complete():
    growing, best = buffer(1.0, 5.0), BestEpisodes(1)
    assert best.rows(growing)[0].tolist() == [2, 3]
    for reward, done in ((50.0, False), (50.0, True)):
        zero = np.zeros((1, 1), np.float32)
        growing.add(zero, zero, zero, np.array([reward]), np.array([done]), [{}])
    assert best.rows(growing)[0].tolist() == [4, 5]


@pytest.mark.parametrize("filled", [True, False])
def test_none_are_wanted_or_none_are_there(filled):
    assert len(BestEpisodes(0 if filled else 5).rows(buffer(*([1.0, 2.0] if filled else [])))[0]) == 0


def test_with_a_horizon_a_long_episode_is_no_better_than_one_that_ends_early():
    held = buffer(9.0, 4.0, lengths=[9, 2])  # 1 a step for 9 steps, 2 a step for 2 steps and then a terminal state
    assert best_rows(held, most=1)[0].tolist() == list(range(9))
    assert best_rows(held, most=1, horizon=6)[0].tolist() == [9, 10]
