"""PWIL scores episodes in order: in one array, step by step, and in several environments."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("stable_baselines3")

import gymnasium
from circling import circling
from line_task import ENV, make_demonstrations
from stable_baselines3.common.vec_env import DummyVecEnv

from rexd.errors import NotFittedError, RexdError, SpaceMismatchError
from rexd.evaluation.evaluate import learned_return
from rexd.reward.registry import make_reward
from rexd.reward.rows import Rows
from rexd.rl.config import TrainConfig
from rexd.rl.training.preflight import check_stateful
from rexd.rl.wrappers.block_rewards import BlockRewardVecEnv
from rexd.rl.wrappers.reward_vec_env import RewardVecEnv
from rexd.rl.wrappers.reward_vector_wrapper import RewardVectorWrapper
from rexd.rl.wrappers.reward_wrapper import RewardWrapper

ACTIONS = np.random.default_rng(3).uniform(-1, 1, (30, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return make_reward("pwil").fit(circling(4, 40))


@pytest.fixture(scope="module")
def on_line():
    return make_reward("pwil").fit(make_demonstrations())


def of(trajectory):
    return Rows.of_trajectory(trajectory)


def test_it_says_that_it_is_stateful(model):
    assert model.stateful
    assert model.clock
    assert not make_reward("red").stateful


def test_several_episodes_in_one_array_are_scored_one_by_one(model):
    one, two = circling(2, 40, seed=9)
    together = model.reward_of(Rows.joined([of(one), of(two)]))
    assert together.tobytes() == np.concatenate([model.reward_of(of(one)), model.reward_of(of(two))]).tobytes()


def test_order_matters(model):
    (episode,) = circling(1, 40, seed=9)
    still = replace(of(episode), obs=np.repeat(episode.observations[20:21], 40, axis=0))
    paid = model.reward_of(still)
    assert paid[:5].mean() > paid[-5:].mean() + 0.1


def test_rows_that_do_not_know_their_steps_are_refused(model):
    obs, act = circling().transitions().obs, circling().transitions().act
    with pytest.raises(SpaceMismatchError, match=r"couples the rows of an episode in order; expected step.*np\.arange"):
        model.predict(obs, act)


def test_demonstrations_that_it_was_fitted_to_are_paid_as_held_out_rows(model):
    paid = model.predict_demonstrations(circling(4, 40))
    assert paid.tobytes() == model.reward_of_novelty(model.held_out_novelty_).tobytes()
    assert paid.mean() < model.predict(*_arrays(circling(4, 40))).mean()


def test_a_trajectory_that_goes_on_where_the_last_ended_is_another_one(model):
    one, two = circling(2, 40, seed=9)
    late = two.rows(slice(39, None))
    short = replace(circling(2, 40, seed=9), trajectories=(one.rows(slice(0, 5)), late))
    assert model.predict_demonstrations(short)[-1] == model.reward_of(of(late))[0]


def _arrays(demonstrations):
    t = demonstrations.transitions()
    return t.obs, t.act, t.next_obs, t.step


def test_environments_are_scored_beside_one_another(model):
    episodes = list(circling(3, 40, seed=9))
    score = model.in_order(3)
    paid = []
    for step in range(40):
        rows = Rows.joined([of(episode)[step : step + 1] for episode in episodes])
        paid.append(score(rows, np.arange(3)))
    for number, episode in enumerate(episodes):
        assert np.array_equal(np.array(paid)[:, number], model.reward_of(of(episode)))


def test_nothing_is_scored_before_fit():
    with pytest.raises(NotFittedError):
        make_reward("pwil").in_order(1)


def expected(model, seed):
    """Rewards of two episodes of the line, as whole episodes."""
    env, found = gymnasium.make(ENV), []
    for number in range(2):
        obs, _ = env.reset(seed=seed if number == 0 else None)
        seen, acts = [obs], []
        for action in ACTIONS[12 * number : 12 * number + 12]:
            obs, *_ = env.step(action)
            seen.append(obs)
            acts.append(action)
        found.append(model.predict(np.array(seen[:-1]), np.array(acts), np.array(seen[1:]), np.arange(12)))
    return np.concatenate(found)


def test_the_wrapper_gives_episodes_in_order(on_line):
    env, paid = RewardWrapper(gymnasium.make(ENV), on_line), []
    env.reset(seed=5)
    for action in ACTIONS[:24]:
        _, reward, _, truncated, _ = env.step(action)
        paid.append(reward)
        if truncated:
            env.reset()
    assert np.allclose(paid, expected(on_line, 5))
    assert np.std(paid) > 0.0


@pytest.mark.parametrize("blocks", [False, True])
def test_vectorised_environments_give_each_episode_in_order(on_line, blocks):
    venv = DummyVecEnv([lambda: gymnasium.make(ENV)] * 2)
    wrapped = (BlockRewardVecEnv if blocks else RewardVecEnv)(venv, on_line)
    venv.seed(5)
    wrapped.reset()
    paid = [wrapped.step(np.stack([action, -action]))[1] for action in ACTIONS[:24]]
    if blocks:
        paid = wrapped.settle()
    assert np.allclose(np.array(paid)[:12, 0], expected(on_line, 5)[:12])
    assert not np.allclose(np.array(paid)[:, 0], np.array(paid)[:, 1])


def test_gymnasium_s_vector_environments(on_line):
    env = RewardVectorWrapper(gymnasium.make_vec(ENV, 2, "sync"), on_line)
    env.reset(seed=5)
    paid = np.array([env.step(np.stack([action, -action]))[1] for action in ACTIONS[:25]])
    assert np.allclose(paid[:12, 0], expected(on_line, 5)[:12])
    assert (paid[12] == 0.0).all()  # the step that resets


def test_the_learned_return_is_that_of_the_episode(model):
    (episode,) = circling(1, 40, seed=9)
    assert learned_return(episode, model) == pytest.approx(float(model.reward_of(of(episode)).sum()))


def test_absorbing_states_are_refused(model):
    with pytest.raises(RexdError, match=r"absorbing is True.*leave absorbing out"):
        check_stateful(TrainConfig(absorbing=True), model)
    with pytest.raises(RexdError, match="leave absorbing out"):
        check_stateful(TrainConfig.from_dict({"absorbing": True, "reward": {"type": "pwil"}}), None)
    check_stateful(TrainConfig(absorbing=True), None)
    check_stateful(TrainConfig(reward_source="constant", absorbing=True), model)
