"""The agent's episodes with other goals, on a point that walks along a line."""

import numpy as np
import pytest
from gymnasium.spaces import Box
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.demos.goals import Goals
from rexd.rl.replay.batches import BatchRecipe, draw_batches
from rexd.rl.replay.hindsight import COPIES, SHARE, Hindsight
from rexd.rl.wrappers.scaling import ObservationScale

GOALS = Goals((1,), (2,), "achieved-desired")
SCALE = ObservationScale(np.array([3.0, 1.0, -2.0], np.float32), np.array([2.0, 0.5, 4.0], np.float32))
GOAL, N = 100.0, 16


class Distance:
    """Pays minus the distance to the goal before the step, plus the step and the action in thousandths."""

    clock = True

    def __init__(self):
        self.asked = 0

    def predict(self, obs, act, next_obs, step):
        self.asked += 1
        assert obs.shape == next_obs.shape == (len(step), 3)
        return (-np.abs(obs[:, 2]) + 0.001 * step + 1e-6 * act[:, 0]).astype(np.float32)


def add(buffer, start, steps, *, ends=True, truncated=True):
    """Add an episode that begins at a place and moves by 1 a step; the first column marks its rows."""
    for k in range(steps):
        place = start + k
        obs, following = (np.array([[mark, GOAL, at - GOAL]]) for mark, at in ((k, place), (k + 1, place + 1)))
        done = ends and k == steps - 1
        info = {"TimeLimit.truncated": done and truncated}
        action = np.array([[k / 100]])
        buffer.add(SCALE.apply(obs), SCALE.apply(following), action, np.array([7.0]), np.array([done]), [info])


@pytest.fixture
def buffer():
    return ReplayBuffer(64, Box(-9, 9, (3,)), Box(-1, 1, (1,)), device="cpu")


def hindsight(*, ends=False, seed=0):
    return Hindsight(GOALS, Distance(), SCALE, lambda act: 50.0 * act, ends=ends, seed=seed)


def raw(rows):
    return rows * SCALE.std + SCALE.mean


def test_nothing_before_an_episode_is_finished(buffer):
    add(buffer, 0.0, 5, ends=False)
    assert hindsight().rows(buffer) is None


def test_an_episode_is_paid_for_goals_that_it_reached(buffer):
    add(buffer, 10.0, 6)
    add(buffer, 50.0, 3, ends=False)
    found = hindsight().rows(buffer)
    assert len(found.obs) == COPIES * 6
    obs, following = raw(found.obs), raw(found.next_obs)
    goals = obs[::6, 1]
    np.testing.assert_allclose(goals[0], 16.0, rtol=1e-5)  # where it ended
    assert set(np.round(goals).astype(int)) <= set(range(11, 17))
    for number, goal in enumerate(goals):
        part = slice(6 * number, 6 * number + 6)
        places = 10.0 + np.arange(6)
        np.testing.assert_allclose(obs[part, 1], goal, rtol=1e-5)
        np.testing.assert_allclose(following[part, 1], goal, rtol=1e-5)
        np.testing.assert_allclose(obs[part, 2], places - goal, atol=1e-4)
        np.testing.assert_allclose(following[part, 2], places + 1 - goal, atol=1e-4)
        np.testing.assert_allclose(obs[part, 0], np.arange(6), atol=1e-5)
        expected = -np.abs(places - goal) + 0.001 * np.arange(6) + 5e-7 * np.arange(6)
        np.testing.assert_allclose(found.reward[part], expected, atol=1e-4)
        np.testing.assert_allclose(found.act[part, 0], np.arange(6) / 100)
    assert not found.done.any()


def test_where_reaching_ends_an_episode_copies_end_at_their_goals(buffer):
    add(buffer, 10.0, 6)
    found = hindsight(ends=True).rows(buffer)
    last = np.flatnonzero(found.done)
    assert len(last) == COPIES
    assert last[-1] == len(found.done) - 1
    np.testing.assert_allclose(raw(found.next_obs)[last, 2], 0.0, atol=1e-4)


def test_a_terminal_state_stays_one_where_episodes_go_on_at_the_goal(buffer):
    add(buffer, 10.0, 4, truncated=False)
    np.testing.assert_array_equal(hindsight().rows(buffer).done, [0, 0, 0, 1] * COPIES)


def test_episodes_are_scored_once(buffer):
    kept = hindsight()
    add(buffer, 0.0, 4)
    first = kept.rows(buffer)
    asked = kept._reward.asked
    assert kept.rows(buffer) is first
    add(buffer, 20.0, 5)
    assert len(kept.rows(buffer).obs) == COPIES * 9
    assert kept._reward.asked == asked + COPIES


def test_a_resumed_run_finds_the_same_goals(buffer):
    kept = hindsight(seed=3)
    for start in (0.0, 20.0, 40.0):
        add(buffer, start, 7)
        kept.rows(buffer)
    again, other = hindsight(seed=3).rows(buffer), hindsight(seed=4).rows(buffer)
    for one, two in zip(kept.rows(buffer), again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (other.obs != again.obs).any()


def test_a_part_of_the_rows_of_a_batch_has_other_goals(buffer):
    add(buffer, 10.0, 6)
    recipe = BatchRecipe(discount=0.9, hindsight=hindsight())
    batch = draw_batches(buffer, recipe, np.random.default_rng(0), steps=3, batch_size=N)
    assert batch.obs.shape == (3, N, 3)
    own = np.isclose(raw(batch.obs)[..., 1], GOAL, rtol=1e-4)
    at = N - round(SHARE * N)
    assert own[:, :at].all()
    assert not own[:, at:].any()
    np.testing.assert_array_equal(batch.reward[:, :at], 7.0)
    assert (batch.reward[:, at:] < 1.0).all()
    np.testing.assert_allclose(batch.discount, 0.9)


def test_without_goals_batches_are_as_they_were(buffer):
    add(buffer, 10.0, 6)
    drawn = [
        draw_batches(buffer, recipe, np.random.default_rng(0), steps=3, batch_size=N)
        for recipe in (BatchRecipe(discount=0.9), BatchRecipe(discount=0.9, hindsight=hindsight()))
    ]
    assert (drawn[0].reward == 7.0).all()
    assert (drawn[1].reward != 7.0).any()
