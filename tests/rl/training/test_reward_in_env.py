"""What a reward is fitted to beside the demonstrations."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from steering import REWARD, demonstrations, steer

from rexd.diagnosis.diagnose import fit_for_diagnosis
from rexd.reward.checks import CLONE, RANDOM_POLICY
from rexd.reward.red.red import RED
from rexd.rl.training.reward_in_env import Played, fit_in_environment


@pytest.fixture
def given(monkeypatch):
    """What ``fit`` is given to reach."""
    calls = []
    fit = RED.fit

    def recording(self, demos, progress=None, *, beginner=None, random_play=None, **others):
        calls.append((beginner, random_play))
        return fit(self, demos, progress, beginner=beginner, random_play=random_play, **others)

    monkeypatch.setattr(RED, "fit", recording)
    return calls


def test_a_reward_is_told_what_its_clone_and_random_play_meet(given):
    _, played = fit_in_environment(REWARD, demonstrations(), steer)
    fit_for_diagnosis(REWARD, demonstrations(), played, None)
    for beginner, random_play in given:
        np.testing.assert_array_equal(beginner.obs, _met(played, CLONE))
        np.testing.assert_array_equal(random_play.obs, _met(played, RANDOM_POLICY))
    assert len(given) == 2


def test_what_was_not_played_is_not_known():
    assert Played({}, None).random_play is None
    assert Played({}, None).beginner is None


def _met(played, name):
    return np.concatenate([episode.observations[: len(episode)] for episode in played.episodes[name]])
