import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from gymnasium.spaces import Box
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.rl.replay.demonstrations import DemonstrationReplay
from rexd.rl.replay.mean_matching import FEWEST, LATEST, MeanMatching, slopes_of, standard_error, steps_of

N, LENGTH = 200, 50  # demonstrated rows, of 4 trajectories; steps of each


def replay(seed=0, spread=1.0, reward=0.8, **changes):
    """Rows of two observation columns and an action, around 0."""
    obs = np.random.default_rng(seed).normal(0.0, spread, (N, 2)).astype(np.float32)
    obs = (obs - obs.mean(axis=0)) / obs.std(axis=0)
    i = np.arange(N)
    arrays = {"obs": obs, "act": np.zeros((N, 1), np.float32), "next_obs": obs, "reward": np.full(N, reward)}
    arrays |= {"done": np.zeros(N), "critic_rows": i, "trajectory": i // LENGTH, "step": i % LENGTH}
    return DemonstrationReplay(**{**arrays, **changes})


def buffer_of(obs, act=0.0, reward=0.5, length=LENGTH, size=20_000):
    """Episodes of ``length`` steps."""
    space = Box(-np.inf, np.inf, (2,), np.float32)
    buffer = ReplayBuffer(size, space, Box(-1.0, 1.0, (1,), np.float32), device="cpu", handle_timeout_termination=True)
    rewards = np.broadcast_to(np.asarray(reward), len(obs))
    for i, row in enumerate(obs):
        done = np.array([(i + 1) % length == 0])
        buffer.add(row[None], row[None], np.array([[act]]), rewards[i : i + 1], done, [{}])
    return buffer


def around(mean, rows=2000, seed=1):
    obs = np.random.default_rng(seed).normal(0.0, 1.0, (rows, 2))
    return obs - obs.mean(axis=0) + mean


def shaped(matching, buffer, obs, reward=0.5):
    obs = np.array(obs, np.float32)
    return matching.shaper(buffer)(obs, np.zeros((*obs.shape[:-1], 1), np.float32), np.full(obs.shape[:-1], reward))


def test_an_agent_that_goes_where_the_expert_went_is_paid_as_before():
    rows = around((0.02, -0.02))
    np.testing.assert_array_equal(shaped(MeanMatching(0.2, replay()), buffer_of(rows), rows[:9]), np.float32(0.5))


def test_one_that_lags_behind_is_paid_for_coming_closer():
    matching, buffer = MeanMatching(0.2, replay()), buffer_of(around((-0.6, 0.0)))
    slope = -matching.difference(buffer)[0] - matching.noise[0]
    assert slope == pytest.approx(0.6 - 2 / np.sqrt(N), abs=0.1)
    found = shaped(matching, buffer, [[-0.6, 9.0], [0.4, 9.0], [-1.6, 9.0]])
    assert found == pytest.approx([0.5, 0.5 * (1 + 0.2 * slope), 0.5 * (1 - 0.2 * slope)], abs=0.01)


def test_what_it_is_paid_in_all_stays():
    rows = around((-0.6, 0.3))
    found = shaped(MeanMatching(0.2, replay()), buffer_of(rows), rows)
    assert found.std() > 0.02
    assert found.mean() == pytest.approx(0.5, abs=0.002)


def test_no_row_is_paid_more_or_less_than_the_bounds():
    found = shaped(MeanMatching(0.2, replay()), buffer_of(around((-3.0, 0.0))), [[50.0, 0.0], [-50.0, 0.0]])
    assert found == pytest.approx([0.5 * 1.4, 0.5 * 0.6])


def test_rows_outside_the_support_neither_count_nor_gain():
    matching, rows = MeanMatching(0.2, replay()), around((-0.6, 0.0), 3000)
    reward = np.full(3000, 0.5)
    rows[::3], reward[::3] = 40.0, 0.0
    assert matching.difference(buffer_of(rows, reward=reward)) == pytest.approx([-0.6, 0.0, 0.0], abs=0.15)
    assert shaped(matching, buffer_of(rows, reward=reward), [[5.0, 0.0]], reward=0.0) == 0.0


def test_the_start_of_episodes_does_not_count():
    rows = around((0.0, 0.0), 4000)
    rows[np.arange(4000) % LENGTH < LENGTH // 10] = -30.0
    assert shaped(MeanMatching(0.2, replay()), buffer_of(rows), [[1.0, 1.0]]) == np.float32(0.5)
    long = replay(step=np.arange(N) % LENGTH * 20)  # of 1000 steps each: the agent's are all starts
    assert MeanMatching(0.2, long).difference(buffer_of(rows)) is None


def test_an_agent_that_falls_early_is_shaped_less():
    rows, columns = around((-3.0, 0.0)), [[50.0, 0.0]]
    short = LENGTH // 5  # and no start: 5 of its 10 steps would be left out
    found = shaped(MeanMatching(0.2, replay()), buffer_of(rows, length=short), columns)
    assert found == pytest.approx([0.5 * (1 + 0.4 / 5)])
    endless = shaped(MeanMatching(0.2, replay()), buffer_of(rows, length=10**6), columns)
    assert endless == pytest.approx([0.5 * 1.4])


def test_few_rows_and_no_weight_change_nothing():
    few = buffer_of(around((-2.0, 0.0), FEWEST - 1))
    assert shaped(MeanMatching(0.2, replay()), few, [[1.0, 1.0]]) == 0.5
    assert shaped(MeanMatching(0.0, replay()), buffer_of(around((-2.0, 0.0))), [[1.0, 1.0]]) == 0.5


def test_a_column_that_the_demonstrations_hold_still_is_left_alone():
    buffer = buffer_of(around((0.0, 0.0)), act=1.0)
    matching = MeanMatching(0.2, replay())
    assert abs(matching.difference(buffer)[2]) > 1.0
    assert shaped(matching, buffer, [[1.0, 1.0]]) == np.float32(0.5)


def test_only_the_latest_steps_count_and_the_oldest_are_written_over():
    old, new = around((-9.0, 0.0), LATEST), around((-0.6, 0.0), LATEST)
    for size in (20_000, LATEST + 123):
        found = MeanMatching(0.2, replay()).difference(buffer_of(np.concatenate([old, new]), size=size))
        assert found[0] == pytest.approx(-0.6, abs=0.15)


def test_single_steps_are_no_starts():
    single = replay(trajectory=np.arange(N), step=np.zeros(N, np.int64))
    assert np.isfinite(MeanMatching(0.2, single).difference(buffer_of(around((-0.6, 0.0)), length=1))).all()


def test_steps_count_from_the_end_before():
    dones = np.float32([[0, 0], [0, 1], [1, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(steps_of(dones).T, [[0, 1, 2, 0, 1], [0, 1, 0, 0, 1]])


def test_slopes_are_what_is_more_than_noise():
    found = slopes_of(np.float32([-0.5, 0.5, 0.1, -3.0]), np.float32([0.2, 0.2, 0.2, 0.0]))
    assert found == pytest.approx([0.3, -0.3, 0.0, 1.0])


def test_a_goal_tells_as_much_as_there_are_trajectories():
    rng = np.random.default_rng(0)
    rows, trajectory = rng.normal(size=(4000, 2)).astype(np.float32), np.arange(4000) // 1000
    rows[:, 1] = np.float32([-1.0, 1.0, -2.0, 2.0])[trajectory]
    found = standard_error(rows, trajectory)
    assert found[0] == pytest.approx(1 / np.sqrt(4000), rel=0.8)
    assert found[1] == pytest.approx(np.std([-1.0, 1.0, -2.0, 2.0], ddof=1) / 2, rel=1e-5)
    assert standard_error(rows[:1000], trajectory[:1000])[0] == pytest.approx(1 / np.sqrt(1000), rel=0.1)


def test_of_states_alone_the_observations_are_matched():
    alone = MeanMatching(0.2, replay(act=np.zeros((N, 0), np.float32)))
    rows, whole = around((-0.6, 0.0)), MeanMatching(0.2, replay())
    np.testing.assert_array_equal(alone.difference(buffer_of(rows, act=0.9)), whole.difference(buffer_of(rows))[:2])
    places = [[-0.6, 9.0], [0.4, 9.0]]
    np.testing.assert_allclose(
        shaped(alone, buffer_of(rows, act=0.9), places), shaped(whole, buffer_of(rows), places), rtol=1e-5
    )
