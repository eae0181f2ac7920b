import numpy as np
from gymnasium.spaces import Box
from marked import fill_marked
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.rl.replay.n_step import ahead, discounted, steps_ahead


def filled(held, envs=1):
    """Every 4th row ends an episode, every 8th by a time limit."""
    return fill_marked(ReplayBuffer(64 * envs, Box(-1, 1, (2,)), Box(-1, 1, (2,)), device="cpu", n_envs=envs), held)


def found(rows, n, held=20, env=None, envs=1):
    at = np.asarray(rows)
    return ahead(filled(held, envs), at, np.zeros_like(at) if env is None else np.asarray(env), n)


def test_up_to_the_end_of_the_episode():
    following = found([4, 5, 6, 7], 3)
    assert following.counts.tolist() == [[1, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0]]
    assert following.last.tolist() == [4, 7, 8, 8]
    assert following.at[1].tolist() == [5, 6, 7]


def test_up_to_what_the_buffer_holds():
    following = found([17, 18, 19], 3)
    assert following.last.tolist() == [19, 19, 19]
    assert following.at.max() == 19


def test_one_step_is_the_row_itself():
    rows = np.arange(20)
    following = found(rows, 1)
    assert following.counts.all()
    np.testing.assert_array_equal(following.last, rows)


def test_any_shape():
    following = found([[5, 6], [7, 8], [9, 10]], 2, env=[[0, 1], [1, 0], [0, 0]], envs=2)
    assert following.at.shape == following.counts.shape == (3, 2, 2)
    assert following.last.tolist() == [[6, 7], [8, 8], [10, 11]]


def test_rewards_that_do_not_count():
    rewards = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]], np.float32)
    sums = discounted(rewards, np.array([[True, True, True], [True, False, False]]), 0.5)
    assert sums.tolist() == [3.0, 1.0]
    assert sums.dtype == np.float32


def fallen(at, held, envs=1):
    buffer = ReplayBuffer(8000 * envs, Box(-1, 1, (2,)), Box(-1, 1, (2,)), device="cpu", n_envs=envs)
    buffer.pos = held
    buffer.dones[at] = 1.0
    return buffer


def test_several_steps_where_falls_are_many():
    assert steps_ahead(fallen(np.linspace(150, 3950, 13, dtype=int), 4000), 3) == 3
    assert steps_ahead(fallen(np.linspace(150, 3950, 12, dtype=int), 4000), 3) == 1
    assert steps_ahead(fallen([], 4000), 3) == 1


def test_before_there_are_enough_steps_those_that_there_are_tell():
    falls = np.array([150, 800, 3000])
    found = [steps_ahead(fallen(falls[falls < held], held), 3) for held in (100, 200, 601, 801, 900, 901)]
    assert found == [1, 3, 1, 3, 3, 1]


def test_later_falls_change_nothing():
    assert steps_ahead(fallen(np.linspace(150, 3950, 13, dtype=int), 8000), 3) == 3
    assert steps_ahead(fallen(np.arange(4000, 8000, 100), 7999), 3) == 1


def test_all_environments_count():
    falls = np.linspace(150, 1950, 7, dtype=int)
    both, one = fallen(falls, 2000, envs=2), fallen([], 2000, envs=2)
    one.dones[falls, 1] = 1.0
    assert [steps_ahead(buffer, 3) for buffer in (both, one)] == [3, 1]


def test_a_time_limit_ends_no_task():
    buffer = fallen(np.arange(150, 4000, 100), 4000)
    buffer.timeouts[:] = buffer.dones
    assert steps_ahead(buffer, 3) == 1


def test_what_the_buffer_does_not_hold_does_not_count():
    assert steps_ahead(fallen([30], 20), 3) == 1
