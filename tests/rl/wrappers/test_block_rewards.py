import numpy as np
import pytest
from counting import Counting, Spy
from steering import CONFIG, demonstrations, steer

pytest.importorskip("sbx")

from stable_baselines3.common.vec_env import DummyVecEnv

from rexd.reward.base import predict_at
from rexd.reward.rows import Rows
from rexd.rl import RewardVecEnv
from rexd.rl.learners.sb3.learner import Sb3SacLearner
from rexd.rl.learners.sbx.learner import SbxLearner
from rexd.rl.wrappers.block_rewards import BlockRewardVecEnv
from rexd.rl.wrappers.scaling import ObservationScale
from rexd.rl.wrappers.training_env import training_environment


def envs(kind, model):
    return kind(DummyVecEnv([lambda n=n: Counting(n, reuse=False) for n in (2, 3)]), model)


def act(t):
    return np.float32([[0.1 * t], [-0.1]])


def learned_returns(steps):
    return [info.get("learned_episode") for step in steps for info in step[3]]


def test_a_block_earns_what_its_steps_would_have_earned_alone():
    spy = Spy()
    alone, together = envs(RewardVecEnv, Spy()), envs(BlockRewardVecEnv, spy)
    alone.reset(), together.reset()
    for steps in (4, 1, 3):
        expected, found = ([env.step(act(t)) for t in range(steps)] for env in (alone, together))
        assert [step[1].tolist() for step in found] == [[0.0, 0.0]] * steps
        assert not any(learned_returns(found))
        settled = together.settle()
        assert settled.dtype == np.float32
        assert settled.tolist() == [step[1].tolist() for step in expected]
        assert learned_returns(found) == learned_returns(expected)
    assert len(spy.calls) == 3
    assert together.settle().shape == (0, 2)


def test_an_episode_is_paid_across_blocks():
    together = envs(BlockRewardVecEnv, Spy())
    together.reset()
    together.step(act(1)), together.step(act(2)), together.settle()
    info = together.step(act(3))[3][1]
    together.settle()
    assert info["learned_episode"]["r"] == pytest.approx(0 + 1 + 2 - 0.03)


@pytest.mark.parametrize("kind", [SbxLearner, Sb3SacLearner])
@pytest.mark.parametrize("steps", [13, 37])  # before and after the first update; no whole number of blocks
def test_a_learner_knows_the_reward_of_every_step_it_took(kind, steps):
    spy, shown = Spy(clock=False), demonstrations()
    scale = ObservationScale.of(shown)
    venv = training_environment(steer, spy, scale, absorbing=False, in_blocks=True)
    learner = kind(CONFIG, venv, scale, None)
    learner.learn(steps, None)
    buffer = learner.model.replay_buffer
    obs, act, next_obs = (np.concatenate(column) for column in zip(*spy.calls, strict=True))
    assert len(obs) == buffer.size() >= steps
    np.testing.assert_allclose(buffer.observations[: buffer.size()].reshape(-1, 3), scale.apply(obs), rtol=1e-5)
    np.testing.assert_array_equal(buffer.rewards[: buffer.size()].ravel(), predict_at(spy, Rows(obs, act, next_obs)))
    assert buffer.rewards[: buffer.size()].all()
