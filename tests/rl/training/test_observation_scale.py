"""The scale on which a learner sees observations: where it reaches further than the demonstrations, and is kept."""

from dataclasses import replace
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from safetensors.numpy import save_file
from steering import CONFIG

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.states_alone import without_actions
from rexd.demos.trajectory import Trajectory
from rexd.reward.checks import CLONE
from rexd.rl.training.context import RunContext
from rexd.rl.training.observation_scale import REACH, observation_scale
from rexd.rl.training.reward_in_env import Played, beginner_cloning, beginner_episodes
from rexd.rl.training.run_folder import CHECKPOINT_FILE
from rexd.rl.wrappers.scaling import ObservationScale

WIDE = np.array([1.0, 0.05, 1.0])  # what the clone meets varies by 1 in each column


def drawn(std, seed=0):
    rng = np.random.default_rng(seed)
    return Trajectory.from_steps(rng.normal(0.0, std, size=(201, 3)), rng.uniform(-1.0, 1.0, (200, 1)))


DEMONSTRATIONS = Demonstrations((drawn(WIDE),))
PLAYED = Played({CLONE: [drawn(1.0, seed=1), drawn(1.0, seed=2)]}, None)
NEAR = Played({CLONE: [drawn(WIDE, seed=1)]}, None)


@pytest.fixture
def found(tmp_path):
    """Return the scale of a run, and what was said."""

    def find(demonstrations=DEMONSTRATIONS, played=PLAYED, coverage=1.0, **settings):
        said = []
        context = RunContext(
            replace(CONFIG, **settings),
            tmp_path,
            lambda: gymnasium.make("Steer-v0"),
            SimpleNamespace(message=said.append),
        )
        return observation_scale(demonstrations, SimpleNamespace(coverage=coverage), context, played), said

    return find


def same(one, other):
    return np.array_equal(one.mean, other.mean) and np.array_equal(one.std, other.std)


def test_a_column_that_only_the_clone_varies_in_is_divided_by_a_part_of_what_it_varies(found):
    scale, said = found()
    own = ObservationScale.of(DEMONSTRATIONS)
    played = np.concatenate([episode.observations for episode in PLAYED.episodes[CLONE]])
    assert own.std[1] < 0.1
    assert scale.std[1] == pytest.approx(REACH * played[:, 1].std(), rel=1e-5)
    np.testing.assert_array_equal(scale.std[[0, 2]], own.std[[0, 2]])
    np.testing.assert_array_equal(scale.mean, own.mean)
    assert scale.std.dtype == np.float32
    assert len(said) == 1
    assert "1 of 3 observation columns vary at least 4 times" in said[0]


def test_a_clone_that_stays_near_the_demonstrations_changes_nothing(found):
    scale, said = found(played=NEAR)
    assert same(scale, ObservationScale.of(DEMONSTRATIONS))
    assert said == []


@pytest.mark.parametrize(
    "reason",
    [
        {"coverage": 0.5},  # an expert that hardly moves
        {"reward_source": "constant"},
        {"demonstration_share": 0.0},
        {"demonstrations": without_actions(DEMONSTRATIONS), "played": None},
    ],
)
def test_the_demonstrations_scale_stays_where_the_clone_says_nothing_of_it(found, reason):
    scale, said = found(**reason)
    assert same(scale, ObservationScale.of(reason.get("demonstrations", DEMONSTRATIONS)))
    assert said == []


def test_the_clone_is_played_where_the_reward_was_fitted_before(found):
    env = gymnasium.make("Steer-v0")
    cloning = beginner_cloning(DEMONSTRATIONS, env.action_space, CONFIG.seed)
    played = Played(beginner_episodes(cloning, lambda: gymnasium.make("Steer-v0")), None, cloning)
    scale, _ = found(played=None)
    assert same(scale, found(played=played)[0])
    assert scale.std[1] > 1.0  # the task's second column varies by about 20


def test_a_resumed_run_goes_on_with_its_own_scale(found, tmp_path):
    kept = ObservationScale(np.float32([1, 2, 3]), np.float32([4, 5, 6]))
    save_file({**kept.arrays(), "steps": np.array(5)}, tmp_path / CHECKPOINT_FILE)
    assert same(found(played=None)[0], kept)
    save_file({"steps": np.array(5)}, tmp_path / CHECKPOINT_FILE)  # of a version that knew no other scale
    assert same(found()[0], ObservationScale.of(DEMONSTRATIONS))
