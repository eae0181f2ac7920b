from functools import partial

import numpy as np
import pytest
from counting import Counting, Spy

pytest.importorskip("stable_baselines3")

from steering import LENGTH, demonstrations, steer, steer_for_random_pay

from rexd.reward.red.red import RED
from rexd.rl.wrappers.scaling import ObservationScale
from rexd.rl.wrappers.training_env import training_environment

SCALE = ObservationScale(np.float32([0.0, 10.0]), np.float32([1.0, 4.0]))


def counting(**kwargs):
    return Counting(reuse=False, **kwargs)


def task(model, **kwargs):
    return training_environment(partial(counting, **kwargs), model, SCALE, absorbing=False)


def act(value):
    return np.float32([[value]])


def test_the_learner_sees_learned_rewards_and_standardised_observations():
    spy = Spy()
    env = task(spy, length=2)
    seen = [env.reset(), *(env.step(act(a)) for a in (0.3, -7.0, 0.5))]
    assert spy.rows == [((0, 0), 0.3, (0, 1)), ((0, 1), -1.0, (0, 2)), ((1, 0), 0.5, (1, 1))]  # raw, and carried out
    assert [float(step[1][0]) for step in seen[1:]] == pytest.approx([0.03, 0.9, 10.05])
    observations = [seen[0], *(step[0] for step in seen[1:])]
    assert [o[0].tolist() for o in observations] == [[0, -2.5], [0, -2.25], [1, -2.5], [1, -2.25]]
    assert all(o.dtype == np.float32 for o in observations)
    assert seen[2][3][0]["terminal_observation"].tolist() == [0, -2.0]
    assert seen[2][2].tolist() == [True]


@pytest.mark.parametrize("truncates", [True, False])
def test_a_time_limit_is_told_from_an_end(truncates):
    env = task(Spy(), length=1, truncates=truncates)
    env.reset()
    assert env.step(act(0.0))[3][0]["TimeLimit.truncated"] is truncates


def test_episodes_are_cut_as_by_a_time_limit():
    env = training_environment(partial(counting, length=6), Spy(), SCALE, absorbing=False, episode_steps=2)
    env.reset()
    infos = [env.step(act(0.1))[3][0] for _ in range(2)]
    assert infos[1]["TimeLimit.truncated"] is True
    assert infos[1]["true_episode"]["l"] == 2


def test_nothing_that_the_learner_gets_tells_the_true_reward():
    infos = []
    for reward in (7.0, -1e9):
        env = task(Spy(), length=3, reward=reward)
        env.reset()
        steps = [env.step(act(0.1)) for _ in range(3)]
        assert steps[-1][3][0].pop("true_episode") == {"r": 3 * reward, "l": 3}  # for metrics, at the end alone
        infos.append(str([step[1:] for step in steps]))
    assert infos[0] == infos[1]
    assert "7.0" not in infos[0]


def test_without_a_model_the_environment_pays():
    env = task(None, length=2)
    env.reset()
    rewards, infos = zip(*[env.step(act(0.0))[1::2] for _ in range(2)], strict=True)
    assert [float(r[0]) for r in rewards] == [7.0, 7.0]
    assert infos[1][0]["true_episode"] == {"r": 14.0, "l": 2}


@pytest.mark.parametrize("make", [steer, steer_for_random_pay])
def test_rewards_are_those_of_the_model(make):
    demos = demonstrations()
    model = RED(target_layers=(8,), predictor_layers=(8,), updates=20).fit(demos)
    scale = ObservationScale.of(demos)
    env = training_environment(make, model, scale, absorbing=False)
    env.seed(3)
    before, rng = env.reset(), np.random.default_rng(0)
    for number in range(30):
        action = rng.uniform(-3.0, 2.0, (1, 1)).astype(np.float32)  # beyond the bounds of -2 and 1 at times
        observation, reward, dones, infos = env.step(action)
        after = infos[0]["terminal_observation"][None] if dones[0] else observation
        raw, raw_after = (o * scale.std + scale.mean for o in (before, after))
        step = np.array([number % LENGTH])
        expected = model.predict(raw, np.clip(action, -2.0, 1.0), raw_after, step)
        assert reward == pytest.approx(expected, abs=1e-4)
        before = observation


def test_absorbing_states():
    class Last(Spy):
        def predict(self, obs, act=None, next_obs=None, step=None):
            super().predict(obs, act, next_obs)
            return obs[:, -1]

    spy = Last(clock=False)
    scale = SCALE.with_indicator()
    env = training_environment(
        lambda: steer(terminates=True), spy, ObservationScale.of(demonstrations()).with_indicator(), absorbing=True
    )
    assert env.observation_space.shape == (4,)
    env.seed(0)
    assert env.reset()[0, -1] == 0.0
    steps = [env.step(act(-2.0)) for _ in range(12)]  # drives it out of bounds
    marks = [float(step[0][0, -1]) for step in steps[:-1]]
    assert marks[0] == 0.0
    assert marks[-1] == 1.0
    assert [bool(step[2][0]) for step in steps] == [False] * 11 + [True]
    assert steps[-1][3][0]["TimeLimit.truncated"]
    assert [float(step[1][0]) for step in steps[1:]] == marks  # paid by the state before the step
    assert scale.mean.tolist() == [0.0, 10.0, 0.0]
