import numpy as np
import pytest
from circling import TINY

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.reward.controls import ConstantReward
from rexd.reward.ends import for_ever, horizon_of, times_counted
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED


def trajectory(steps, *, terminated, seed=0):
    rng = np.random.default_rng(seed)
    return Trajectory.from_steps(rng.normal(size=(steps + 1, 2)), rng.normal(size=(steps, 1)), terminated=terminated)


def demonstrations(*ends, steps=(12, 20, 16)):
    return Demonstrations(
        tuple(trajectory(n, terminated=end, seed=n) for n, end in zip(steps, ends, strict=False)),
    )


class TestHorizon:
    def test_it_is_the_longest_demonstration(self):
        assert horizon_of(demonstrations(True, True, True)) == 20

    def test_there_is_none_where_demonstrations_are_cut_off(self):
        assert horizon_of(demonstrations(False, False, False)) is None

    @pytest.mark.parametrize(("ends", "horizon"), [((True, False), 20), ((True, False, False), None)])
    def test_half_of_the_ends_decide(self, ends, horizon):
        assert horizon_of(demonstrations(*ends)) == horizon

    def test_an_end_that_subsampling_left_out_still_counts(self):
        chosen = demonstrations(True, True, True).subsample(5, offset=0)
        assert not any(t.terminated.any() for t in chosen.trajectories[:1])
        assert horizon_of(chosen) == 20

    def test_rewards_take_it_and_keep_it_in_their_file(self, tmp_path):
        ending = RED(**TINY).fit(demonstrations(True, True, True))
        assert ending.horizon == 20
        assert load_reward(ending.save(tmp_path / "ending.safetensors")).horizon == 20
        lasting = RED(**TINY).fit(demonstrations(False, False, False))
        assert lasting.horizon is None
        assert "horizon" not in lasting.describe()[0]
        assert load_reward(lasting.save(tmp_path / "lasting.safetensors")).horizon is None

    def test_it_is_known_where_the_terminal_state_itself_was_not_recorded(self):
        states = np.random.default_rng(0).normal(size=(20, 2))
        unknown = Demonstrations((Trajectory.from_steps(states, np.zeros((20, 1)), terminated=True),))
        assert not unknown.transitions().next_known[-1]
        assert RED(inputs="state-next-state", **TINY).fit(unknown).horizon == 20

    def test_the_control_takes_it(self):
        assert ConstantReward().fit(demonstrations(True)).horizon == 12


class TestReturns:
    def test_steps_beyond_the_horizon_do_not_count(self):
        assert times_counted(np.arange(5), np.zeros(5, bool), 3).tolist() == [1, 1, 1, 0, 0]

    def test_an_end_counts_for_the_steps_that_are_left(self):
        assert times_counted(np.arange(3), np.array([False, False, True]), 10).tolist() == [1, 1, 8]

    def test_an_end_beyond_the_horizon_counts_nothing(self):
        assert times_counted(np.arange(3), np.array([False, False, True]), 2).tolist() == [1, 1, 0]


class TestForEver:
    def test_it_is_the_rest_of_a_geometric_series(self):
        reward, ended = np.float32([0.5, 0.5, 0.0]), np.array([True, False, True])
        paid = for_ever(reward, ended, 0.9)
        assert paid.dtype == np.float32
        np.testing.assert_allclose(reward + paid, [sum(0.5 * 0.9**k for k in range(1000)), 0.5, 0.0], rtol=1e-5)
