import numpy as np
import pytest
from counting import Counting, Spy

pytest.importorskip("stable_baselines3")
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rexd.envs.hidden_reward import HiddenReward
from rexd.rl import RewardVecEnv


def make(truncates=False, **kwargs):
    # DummyVecEnv hands on the terminal observation without a copy, so that the environments must not reuse it.
    envs = [lambda n=n: Counting(n, truncates, reuse=False, **kwargs) for n in (2, 3)]
    spy = Spy()
    return RewardVecEnv(DummyVecEnv(envs), spy), spy


def act(*values):
    return np.float32(values)[:, None]


@pytest.mark.parametrize("truncates", [False, True])
def test_every_transition_is_scored_as_it_happened(truncates):
    envs, spy = make(truncates)
    envs.reset()
    seen = [envs.step(act(0.1 * t, -9.0)) for t in range(1, 5)]
    assert spy.rows[0::2] == [
        ((0, 0), 0.1, (0, 1)),
        ((0, 1), 0.2, (0, 2)),
        ((1, 0), 0.3, (1, 1)),
        ((1, 1), 0.4, (1, 2)),
    ]
    assert spy.rows[1::2] == [
        ((0, 0), -1.0, (0, 1)),
        ((0, 1), -1.0, (0, 2)),
        ((0, 2), -1.0, (0, 3)),
        ((1, 0), -1.0, (1, 1)),
    ]
    assert len(spy.calls) == 4
    observations, rewards, dones, infos = seen[1]
    assert observations.tolist() == [[1, 0], [0, 2]]
    assert rewards.dtype == np.float32
    assert dones.tolist() == [True, False]
    assert [info["original_reward"] for info in infos] == [7.0, 7.0]
    assert infos[0]["TimeLimit.truncated"] is truncates


def test_discrete_actions():
    envs, spy = make(discrete=True)
    envs.reset()
    envs.step(np.array([4, 1]))
    assert spy.calls[0][1].tolist() == [4, 1]


def test_normalisation_outside_leaves_the_model_raw_observations():
    envs, spy = make()
    outer = VecNormalize(envs)
    outer.reset()
    outer.step(act(0, 0))
    assert spy.rows == [((0, 0), 0.0, (0, 1)), ((0, 0), 0.0, (0, 1))]


def test_the_true_return_comes_through_at_the_end_alone():
    spy = Spy()
    envs = RewardVecEnv(DummyVecEnv([lambda: HiddenReward(Counting(2, reuse=False))]), spy)
    envs.reset()
    assert "true_episode" not in envs.step(act(0))[3][0]
    info = envs.step(act(0))[3][0]
    assert info["true_episode"] == {"r": 14.0, "l": 2}
    assert info["original_reward"] == 0.0


def test_the_learned_return_is_told_where_an_episode_ends():
    envs, _ = make()
    envs.reset()
    infos = [envs.step(act(0.1, 0.2))[3] for _ in range(3)]
    assert [["learned_episode" in info for info in step] for step in infos] == [
        [False] * 2,
        [True, False],
        [False, True],
    ]
    assert infos[1][0]["learned_episode"]["r"] == pytest.approx(0.01 + 1.01)
    assert infos[2][1]["learned_episode"]["r"] == pytest.approx(0.02 + 1.02 + 2.02)


def test_step_before_reset():
    envs, _ = make()
    with pytest.raises(Exception, match="reset"):
        envs.step(act(0, 0))


class TestEnds:
    """Each step earns 1; the environments end after 2 and 3 steps."""

    def played(self, horizon, *, truncates=False, discount=None):
        envs, spy = make(truncates)
        spy.horizon = horizon
        spy.predict = lambda obs, act, next_obs, step: np.ones(len(obs), np.float32)
        wrapped = RewardVecEnv(envs.venv, spy, discount=discount)
        wrapped.reset()
        steps = [wrapped.step(act(0, 0)) for _ in range(3)]
        ended = [info["learned_episode"] for *_, infos in steps for info in infos if "learned_episode" in info]
        return [episode["r"] for episode in ended], np.stack([rewards for _, rewards, _, _ in steps])

    def test_learned_returns_count_up_to_the_horizon(self):
        assert self.played(None)[0] == [2.0, 3.0]
        assert self.played(10)[0] == [10.0, 10.0]
        assert self.played(10, truncates=True)[0] == [2.0, 3.0]

    def test_a_terminal_step_is_paid_for_ever_to_a_learner_whose_discount_is_known(self):
        assert self.played(10)[1].tolist() == [[1, 1], [1, 1], [1, 1]]
        np.testing.assert_allclose(self.played(10, discount=0.9)[1], [[1, 1], [10, 1], [1, 10]], rtol=1e-6)
        assert self.played(None, discount=0.9)[1].tolist() == [[1, 1], [1, 1], [1, 1]]
        assert self.played(10, truncates=True, discount=0.9)[1].tolist() == [[1, 1], [1, 1], [1, 1]]
