from dataclasses import replace

import numpy as np
import pytest
from gymnasium.spaces import Box
from marked import SHOWN, fill_marked, marked_replay
from stable_baselines3.common.buffers import ReplayBuffer

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import RunError
from rexd.rl.replay.batches import BatchRecipe, draw_batches
from rexd.rl.replay.best_episodes import BestEpisodes
from rexd.rl.replay.buffer_state import end_running, load_buffer, save_buffer
from rexd.rl.replay.demonstrations import DemonstrationReplay
from rexd.rl.wrappers.scaling import ObservationScale

LOW, HIGH = np.array([-2.0, 0.0], np.float32), np.array([2.0, 1.0], np.float32)


@pytest.fixture
def replay():
    rng = np.random.default_rng(0)
    complete = Trajectory.from_steps(rng.normal(size=(6, 3)), rng.uniform(LOW, HIGH, (5, 2)), terminated=True)
    cut = Trajectory.from_steps(rng.normal(size=(4, 3)), np.array([LOW, HIGH, (LOW + HIGH) / 2, LOW]))
    demos = Demonstrations((complete, cut))
    scale = ObservationScale(np.full(3, 2.0, np.float32), np.full(3, 4.0, np.float32))
    rewards = np.linspace(0, 1, 9)
    return demos.transitions(), DemonstrationReplay.of(demos, rewards, scale, LOW, HIGH)


class TestDemonstrationReplay:
    def test_observations_are_standardised(self, replay):
        rows, made = replay
        np.testing.assert_allclose(made.obs, (rows.obs - 2.0) / 4.0, rtol=1e-6)
        np.testing.assert_allclose(made.next_obs, (rows.next_obs - 2.0) / 4.0, rtol=1e-6)

    def test_actions_run_from_minus_one_to_one(self, replay):
        rows, made = replay
        np.testing.assert_array_equal(made.act[5:], [[-1, -1], [1, 1], [0, 0], [-1, -1]])
        np.testing.assert_allclose(LOW + (made.act + 1) / 2 * (HIGH - LOW), rows.act, atol=1e-6)

    def test_done_means_terminal_and_not_cut_off(self, replay):
        _, made = replay
        assert made.done.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]

    def test_rows_without_a_next_observation_are_not_for_the_critic(self, replay):
        _, made = replay
        assert made.critic_rows.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
        assert len(made.obs) == 9

    def test_everything_is_float32(self, replay):
        _, made = replay
        np.testing.assert_allclose(made.reward, np.linspace(0, 1, 9), atol=1e-6)
        columns = (made.obs, made.act, made.next_obs, made.reward, made.done)
        assert {column.dtype for column in columns} == {np.dtype(np.float32)}


def buffer(rows=8, columns=3):
    return ReplayBuffer(rows, Box(-1, 1, (columns,)), Box(-1, 1, (2,)), device="cpu")


def fill(into, rows, seed=0):
    rng = np.random.default_rng(seed)
    for number in range(rows):
        info = {"TimeLimit.truncated": bool(number % 2)}
        into.add(*rng.normal(size=(2, 1, 3)), rng.normal(size=(1, 2)), np.array([number]), np.array([True]), [info])
    return into


N = 16  # rows of a batch


def marked(envs=1):
    return fill_marked(ReplayBuffer(64 * envs, Box(-1, 1, (2,)), Box(-1, 1, (2,)), device="cpu", n_envs=envs))


def draw(steps, buffer=None, replay=None, share=0.5, seed=0, best=0, **settings):
    recipe = BatchRecipe(discount=0.5, replay=replay, share=share, best=BestEpisodes(best), **settings)
    return draw_batches(buffer or marked(), recipe, np.random.default_rng(seed), steps=steps, batch_size=N)


class TestBatches:
    def test_half_of_the_rows_are_demonstrated_ones_with_a_known_next(self):
        b, half = draw(5, replay=marked_replay()), N // 2
        assert b.obs.shape == (5, N, 2)
        own, shown = b.obs[:, :half, 0], b.obs[:, half:, 0] - SHOWN
        assert (own < SHOWN / 2).all()
        assert (shown >= 0).all()
        assert (shown % 3 > 0).all()
        np.testing.assert_allclose(b.act[:, half:, 0], shown / 100.0, rtol=1e-5)
        np.testing.assert_allclose(b.next_obs[:, half:, 1], 2 * SHOWN + shown)
        np.testing.assert_allclose(b.reward[:, half:], shown / 10.0, rtol=1e-5)
        np.testing.assert_array_equal(b.done[:, half:], shown % 2)
        np.testing.assert_allclose(b.next_obs[:, :half, 0], own + 0.5)
        np.testing.assert_allclose(b.reward[:, :half], own * 2.0)
        np.testing.assert_allclose(b.act[:, :half, 0], own / 100.0, rtol=1e-5)

    def test_the_rewards_of_all_rows_are_shaped(self):
        class Doubled:
            def shaper(self, buffer):
                assert buffer.size() == 20
                return lambda obs, act, reward: reward * (1.0 + (obs[..., 0] < SHOWN) + 3.0 * (act[..., 1] > 0.1))

        plain, shaped = (draw(5, marked(), marked_replay(), matching=matching) for matching in (None, Doubled()))
        factor = 1.0 + (plain.obs[..., 0] < SHOWN) + 3.0 * (plain.act[..., 1] > 0.1)
        np.testing.assert_allclose(shaped.reward, factor * plain.reward)

    def test_own_rows_to_clone_are_told_from_demonstrated_ones(self):
        b = draw(5, replay=marked_replay(), best=2)
        np.testing.assert_array_equal(b.clone_own, b.clone_obs[..., 0] < SHOWN)
        assert (b.clone_own.sum(axis=1) == N // 4).all()
        assert not draw(5, replay=marked_replay()).clone_own.any()

    def test_a_time_limit_is_no_end(self):
        b = draw(40)
        np.testing.assert_array_equal(b.done, (b.obs[..., 0] % 4 == 0) & (b.obs[..., 0] % 8 != 0))
        assert b.done.any()

    def test_a_row_is_discounted_by_one_step(self):
        assert (draw(5, replay=marked_replay()).discount == np.float32(0.5)).all()

    def test_of_several_steps_the_agent_s_rewards_are_added_up(self):
        """Row i earns 2 i, and every 4th ends an episode, every 8th by a time limit; rows 17 to 19 have no end yet."""
        b, half = draw(40, replay=marked_replay(), n_step=3), N // 2
        first = b.obs[:, :half, 0]
        end = np.minimum(np.where(first % 4 == 0, first, first + 4 - first % 4), 19)
        last = np.minimum(first + 2, end)
        rewards = sum(np.where(first + k <= last, 0.5**k * 2.0 * (first + k), 0.0) for k in range(3))
        np.testing.assert_allclose(b.reward[:, :half], rewards)
        np.testing.assert_array_equal(b.next_obs[:, :half, 0], last + 0.5)
        np.testing.assert_array_equal(b.done[:, :half], (last % 4 == 0) & (last % 8 != 0))
        np.testing.assert_allclose(b.discount[:, :half], 0.5 ** (last - first + 1))
        np.testing.assert_allclose(b.act[:, :half, 0], first / 100.0, rtol=1e-5)

    def test_where_no_episode_ends_in_a_terminal_state_several_steps_are_one(self):
        buffer = marked()
        buffer.timeouts[:] = buffer.dones
        for one, three in zip(*(draw(5, buffer, marked_replay(), n_step=n) for n in (1, 3)), strict=True):
            np.testing.assert_array_equal(one, three)

    def test_of_several_steps_each_is_shaped_as_itself(self):
        class ByState:
            def shaper(self, buffer):
                return lambda obs, act, reward: reward * obs[..., 0] + act[..., 0]

        b = draw(20, n_step=2, matching=ByState())
        first = b.obs[..., 0]
        going_on = (first % 4 != 0) & (first < 19)
        at, after = (2.0 * i * i + i / 100.0 for i in (first, first + 1))
        np.testing.assert_allclose(b.reward, at + np.where(going_on, 0.5 * after, 0.0), rtol=1e-5)

    def test_of_several_steps_a_demonstrated_row_has_one(self):
        once, thrice = (draw(5, replay=marked_replay(), n_step=n) for n in (1, 3))
        for name in ("obs", "act", "next_obs", "reward", "done", "discount"):
            columns = (getattr(b, name)[:, N // 2 :] for b in (once, thrice))
            np.testing.assert_array_equal(*columns)

    def test_several_steps_stay_in_their_environment(self):
        b = draw(20, buffer=marked(envs=3), n_step=3)
        np.testing.assert_array_equal(b.next_obs[..., 0] // 100, b.obs[..., 0] // 100)

    def test_every_demonstrated_row_is_cloned(self):
        b = draw(40, replay=marked_replay())
        assert b.clone_obs.shape == (40, N // 2, 2)
        rows = b.clone_obs[..., 0] - SHOWN
        assert set(rows.ravel().astype(int)) == set(range(30))
        np.testing.assert_allclose(b.clone_act[..., 1], rows / 100.0, rtol=1e-5)

    def test_of_the_rows_to_clone_half_are_the_best_episode_s(self):
        b = draw(40, replay=marked_replay(), best=1)
        assert b.clone_obs.shape == (40, N // 2, 2)
        shown, own = b.clone_obs[:, : N // 4, 0], b.clone_obs[:, N // 4 :, 0]
        assert (shown >= SHOWN).all()
        assert set(own.ravel()) == {13.0, 14.0, 15.0, 16.0}  # rewards grow, and rows 17 to 19 have no end yet
        np.testing.assert_allclose(b.clone_act[:, N // 4 :, 0], own / 100.0, rtol=1e-5)

    @pytest.mark.parametrize(("share", "rows"), [(0.0, 0), (0.25, 4)])
    def test_other_shares(self, share, rows):
        b = draw(3, replay=marked_replay(), share=share)
        assert ((b.obs[..., 0] >= SHOWN).sum(axis=1) == rows).all()
        assert (b.clone_obs[..., 0] >= SHOWN).all()

    def test_without_known_next_observations_they_are_only_cloned(self):
        b = draw(3, replay=marked_replay(lambda number: number < 0))
        assert (b.obs[..., 0] < SHOWN / 2).all()
        assert (b.clone_obs[..., 0] >= SHOWN).all()

    def test_without_demonstrations(self):
        b = draw(3)
        assert (b.obs.shape, b.done.shape) == ((3, N, 2), (3, N))
        assert b.clone_obs.shape == b.clone_act.shape == (3, 0, 2)
        assert (b.obs[..., 0] < 20).all()

    def test_several_environments(self):
        b = draw(20, buffer=marked(envs=3))
        seen = b.obs[..., 0]
        assert set((seen // 100).ravel()) == {0, 1, 2}
        np.testing.assert_allclose(b.reward, seen * 2.0)
        np.testing.assert_allclose(b.next_obs[..., 0], seen + 0.5)

    def test_the_generator_decides(self):
        first, again, other = (draw(3, replay=marked_replay(), seed=seed) for seed in (0, 0, 1))
        assert all(np.array_equal(*columns) for columns in zip(first, again, strict=True))
        assert not np.array_equal(first.obs, other.obs)


class TestBuffer:
    @pytest.mark.parametrize("rows", [0, 5, 8, 11])
    def test_round_trip(self, rows):
        full, empty = fill(buffer(), rows), buffer()
        load_buffer(empty, save_buffer(full))
        assert (empty.pos, empty.full, empty.size()) == (full.pos, full.full, min(rows, 8))
        for name in ("observations", "actions", "next_observations", "rewards", "dones", "timeouts"):
            kept = full.size()
            np.testing.assert_array_equal(getattr(empty, name)[:kept], getattr(full, name)[:kept])

    def test_adding_goes_on_where_it_stopped(self):
        full, other = fill(buffer(), 5), buffer()
        load_buffer(other, save_buffer(full))
        fill(full, 4, seed=1)
        fill(other, 4, seed=1)
        np.testing.assert_array_equal(other.observations, full.observations)
        assert (other.pos, other.full) == (1, True)

    def test_an_episode_under_way_ends_as_by_a_time_limit(self):
        full, other = fill_marked(buffer(columns=2), 7), buffer(columns=2)
        load_buffer(other, save_buffer(full))
        assert other.dones[:7, 0].tolist() == [1, 0, 0, 0, 1, 0, 0]
        end_running(other)
        assert other.dones[:7, 0].tolist() == [1, 0, 0, 0, 1, 0, 1]
        assert other.timeouts[:7, 0].tolist() == [1, 0, 0, 0, 0, 0, 1]

    def test_an_episode_that_ended_keeps_its_end(self):
        full, other = fill_marked(buffer(columns=2), 5), buffer(columns=2)
        load_buffer(other, save_buffer(full))
        assert (other.dones[4], other.timeouts[4]) == (1.0, 0.0)

    def test_only_what_is_filled_is_saved(self):
        assert save_buffer(fill(buffer(100), 5))["buffer.observations"].shape == (5, 1, 3)

    @pytest.mark.parametrize(
        "change",
        [lambda b: fill(b, 6, seed=1), lambda b: load_buffer(b, save_buffer(fill(buffer(), 7, seed=1)))],
        ids=["starts over", "is loaded"],
    )
    def test_what_is_saved_keeps_its_values(self, change):
        changing = fill(buffer(), 5)
        saved = save_buffer(changing)
        before = {name: array.copy() for name, array in saved.items()}
        change(changing)
        assert not np.array_equal(changing.observations[:5], before["buffer.observations"])
        assert all(np.array_equal(saved[name], before[name]) for name in before)

    def test_an_array_is_missing(self):
        saved = save_buffer(fill(buffer(), 5))
        del saved["buffer.rewards"]
        with pytest.raises(RunError, match=r"buffer\.rewards is None"):
            load_buffer(buffer(), saved)

    @pytest.mark.parametrize("other", [buffer(rows=4), buffer(columns=4)])
    def test_a_buffer_of_another_size(self, other):
        with pytest.raises(RunError, match=r"buffer\.observations is \(5, 1, 3\); expected up to"):
            load_buffer(other, save_buffer(fill(buffer(), 5)))


class TestEnds:
    """Row i of the agent earns 2 i; every 4th row ends an episode, and every 8th of them by a time limit."""

    @pytest.fixture
    def ending(self):
        return replace(marked_replay(), horizon=50)

    def test_a_terminal_step_is_paid_as_if_for_ever(self, ending):
        plain, lasting = draw(40, replay=marked_replay()), draw(40, replay=ending)
        np.testing.assert_array_equal(plain.obs, lasting.obs)
        assert plain.done.any()
        np.testing.assert_allclose(lasting.reward, plain.reward * np.where(plain.done > 0, 2.0, 1.0))  # 1 / (1 − 0.5)

    def test_within_a_return_of_several_steps_too(self, ending):
        plain, lasting = (draw(40, replay=replay, n_step=3) for replay in (marked_replay(), ending))
        half = N // 2
        first = plain.obs[:, :half, 0]
        end = first + (4 - first % 4) % 4
        ended = (end <= np.minimum(first + 2, 19)) & (end % 8 != 0)
        extra = np.where(ended, 0.5 ** (end - first) * 2.0 * end, 0.0)
        assert ended.any()
        np.testing.assert_allclose(lasting.reward[:, :half] - plain.reward[:, :half], extra, rtol=1e-5, atol=1e-5)

    def test_the_worth_of_an_end_is_not_shaped(self, ending):
        class Doubled:
            def shaper(self, buffer):
                return lambda obs, act, reward: reward * 2.0

        plain = draw(40, replay=marked_replay())
        both = draw(40, replay=ending, matching=Doubled())
        np.testing.assert_allclose(both.reward, plain.reward * np.where(plain.done > 0, 3.0, 2.0))


class TestStatesAlone:
    def states(self, horizon=None):
        shown = marked_replay()
        return replace(shown, act=np.zeros((len(shown.obs), 0), np.float32), horizon=horizon)

    def test_all_rows_are_the_agents_and_none_is_cloned(self):
        alone, without = draw(3, replay=self.states()), draw(3)
        assert alone.clone_obs.shape == (3, 0, 2)
        for one, other in zip(alone, without, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_ends_have_their_worth(self):
        alone, without = draw(30, replay=self.states(horizon=50)), draw(30)
        ended = without.done > 0.0
        assert ended.any()
        assert (alone.reward[ended] > without.reward[ended]).all()
        np.testing.assert_array_equal(alone.reward[~ended], without.reward[~ended])

    def test_labels_make_them_like_others(self):
        labelled = self.states().labelled(marked_replay().act)
        for one, other in zip(draw(3, replay=labelled), draw(3, replay=marked_replay()), strict=True):
            np.testing.assert_array_equal(one, other)
