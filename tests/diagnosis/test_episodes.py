"""Policies that are played for a diagnosis."""

from functools import partial

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from pointmass import PointMass, demonstrate, discrete_expert

from rexd.diagnosis.episodes import NOISE, NOISY_EPISODES, NoisyPolicy, noisy_clone, play, probes_of
from rexd.errors import SpaceMismatchError
from rexd.evaluation.policies import ConstantPolicy
from rexd.reward.checks import CLONE, RANDOM_POLICY, ZERO_ACTIONS
from rexd.rl.training.reward_in_env import BEGINNER_EPISODES, EPISODES, Played, beginner_cloning, beginner_episodes

NOISY = [noisy_clone(size) for size in NOISE]


def test_each_policy_is_played_to_the_end_of_its_episodes():
    found = play(demonstrate(), PointMass, seed=0)
    assert list(found.episodes) == [RANDOM_POLICY, ZERO_ACTIONS, CLONE, *NOISY]
    counts = {name: len(episodes) for name, episodes in found.episodes.items()}
    assert counts == {
        RANDOM_POLICY: EPISODES,
        ZERO_ACTIONS: EPISODES,
        CLONE: BEGINNER_EPISODES,
        **dict.fromkeys(NOISY, NOISY_EPISODES),
    }
    assert all((t.terminated | t.truncated)[-1] for episodes in found.episodes.values() for t in episodes)
    assert {len(probe.rows) for probe in probes_of(found)} >= {30}
    assert found.velocities is None  # no MuJoCo


def test_the_beginner_is_the_one_that_sets_the_scale_of_a_run():
    demos = demonstrate()
    cloning = beginner_cloning(demos, PointMass().action_space, seed=0)
    rows = Played(beginner_episodes(cloning, PointMass), None).beginner
    beginner = play(demos, PointMass, seed=0).beginner
    np.testing.assert_array_equal(beginner.obs, rows.obs)
    np.testing.assert_array_equal(beginner.act, rows.act)


def test_without_demonstrations_those_play_that_know_nothing():
    found = play(None, PointMass, seed=0)
    assert list(found.episodes) == [RANDOM_POLICY, ZERO_ACTIONS]
    assert found.beginner is None


def test_discrete_actions_have_no_zero():
    found = play(demonstrate(act=discrete_expert), partial(PointMass, discrete=True), seed=0)
    assert list(found.episodes) == [RANDOM_POLICY, CLONE, *NOISY]


def test_actions_without_bounds_are_refused():
    class Unbounded(PointMass):
        def __init__(self):
            super().__init__()
            self.action_space = Box(-np.inf, np.inf, (2,), np.float32)

    with pytest.raises(SpaceMismatchError, match="bounded Box"):
        play(demonstrate(), Unbounded, seed=0)


@pytest.mark.slow
def test_progress_is_told():
    told = []
    play(demonstrate(), PointMass, seed=0, step=lambda doing, done, total: told.append((doing, done, total)))
    assert told[0] == ("cloning the demonstrations", 0, 1)
    assert told[-1] == (f"playing: {NOISY[-1]}", 5, 6)


OBSERVED = np.zeros((4000, 2))


def test_noise_of_a_box_is_a_share_of_half_its_range():
    space = Box(np.array([-2.0, -50.0], np.float32), np.array([2.0, 50.0], np.float32))
    actions, _ = NoisyPolicy(ConstantPolicy(np.array([0.5, 0.0])), space, 0.1, seed=0).predict(OBSERVED)
    np.testing.assert_allclose(actions.mean(axis=0), [0.5, 0.0], atol=0.2)
    np.testing.assert_allclose(actions.std(axis=0), [0.2, 5.0], rtol=0.1)
    wild, _ = NoisyPolicy(ConstantPolicy(np.zeros(2)), space, 3.0, seed=0).predict(OBSERVED)
    assert np.abs(wild).max(axis=0).tolist() == [2.0, 50.0]


@pytest.mark.parametrize(("space", "action"), [(Discrete(4), 2), (MultiDiscrete([4, 3]), np.array([2, 1]))])
def test_of_discrete_actions_a_share_is_drawn(space, action):
    actions, _ = NoisyPolicy(ConstantPolicy(action), space, 0.4, seed=0).predict(OBSERVED)
    kept = (actions == action).reshape(len(OBSERVED), -1).all(axis=1).mean()
    options = 4 if isinstance(space, Discrete) else 12
    assert kept == pytest.approx(0.6 + 0.4 / options, abs=0.03)
    assert space.contains(actions[0])
