"""Whatever a user has becomes the same demonstrations."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

import gymnasium
import torch
from gymnasium.spaces import Box
from line_task import make_demonstrations

from rexd import Demonstrations, Trajectory, bundled_demonstrations, save_demonstrations
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.reading.anything import demonstrations_of

RANDOM = np.random.default_rng(0)
OBSERVATIONS, ACTIONS = RANDOM.normal(size=(3, 21, 4)), RANDOM.normal(size=(3, 20, 2))


def test_demonstrations_stay_as_they_are():
    demos = make_demonstrations()
    assert demonstrations_of(demos) is demos


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_path(tmp_path, kind):
    demos = make_demonstrations()
    assert demonstrations_of(kind(save_demonstrations(demos, tmp_path / "d.npz"))).sha256 == demos.sha256


def test_bundled_is_of_the_task_of_the_environment():
    assert demonstrations_of("bundled").env_id == "HalfCheetah-v5"
    assert demonstrations_of("bundled", env="Pendulum-v1").sha256 == bundled_demonstrations("Pendulum-v1").sha256
    env = gymnasium.make("Pendulum-v1")
    assert demonstrations_of("bundled", env=env).env_id == "Pendulum-v1"


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, np.ndarray.tolist])
def test_a_pair_is_one_trajectory(convert):
    demos = demonstrations_of((convert(OBSERVATIONS[0, :20]), convert(ACTIONS[0])))
    assert demos.lengths.tolist() == [20]
    (found,) = demos
    np.testing.assert_array_equal(found.observations, OBSERVATIONS[0, :20])
    np.testing.assert_array_equal(found.next_observations[:-1], OBSERVATIONS[0, 1:20])
    np.testing.assert_array_equal(found.actions, ACTIONS[0])
    assert found.next_known.tolist() == [True] * 19 + [False]


def test_a_final_observation_is_the_last_next_one():
    (found,) = demonstrations_of((OBSERVATIONS[0], ACTIONS[0]))
    assert found.next_known.all()
    np.testing.assert_array_equal(found.next_observations, OBSERVATIONS[0, 1:])


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, list, np.ndarray.tolist])
def test_pairs_of_several_trajectories(convert):
    demos = demonstrations_of((convert(OBSERVATIONS), convert(ACTIONS)))
    assert demos.lengths.tolist() == [20, 20, 20]
    np.testing.assert_array_equal(demos.trajectories[2].actions, ACTIONS[2])


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, list])
@pytest.mark.parametrize("final", [0, 1])
def test_a_pair_of_arrays_of_steps_of_several_environments(convert, final):
    walks = np.cumsum(RANDOM.normal(size=(50 + final, 4, 3)), axis=0)
    demos = demonstrations_of((convert(walks), convert(RANDOM.normal(size=(50, 4, 2)))))
    assert demos.lengths.tolist() == [50] * 4
    np.testing.assert_array_equal(demos.trajectories[3].observations, walks[:50, 3])
    assert demos.trajectories[3].next_known[-1] == bool(final)


def test_trajectories_of_unequal_length():
    lengths = [20, 7, 13]
    pair = [o[:n] for o, n in zip(OBSERVATIONS, lengths)], [a[:n] for a, n in zip(ACTIONS, lengths)]  # noqa: B905
    assert demonstrations_of(pair).lengths.tolist() == lengths


@pytest.mark.parametrize("several", [False, True])
def test_discrete_actions(several):
    actions = np.tile([0, 1, 2, 1], (3, 5))
    demos = demonstrations_of((OBSERVATIONS, actions) if several else (OBSERVATIONS[0], actions[0]))
    assert (demos.n_actions, demos.trajectories[0].actions.shape, len(demos)) == (3, (20,), 3 if several else 1)


def test_what_to_demonstrations_takes():
    rows = {"obs": np.zeros((6, 3)), "acts": np.zeros((6, 2)), "dones": [0, 0, 1, 0, 0, 1]}
    assert demonstrations_of(rows).lengths.tolist() == [3, 3]
    two = tuple(Trajectory.from_steps(o, a) for o, a in zip(OBSERVATIONS[:2], ACTIONS[:2], strict=True))
    assert demonstrations_of(two).sha256 == Demonstrations(two).sha256  # two trajectories are no pair of arrays


def test_the_environment_checks_and_clips():
    class Bounded(gymnasium.Env):
        observation_space, action_space = Box(-9, 9, (4,)), Box(-0.5, 0.5, (2,))

    clipped = demonstrations_of((OBSERVATIONS, ACTIONS), env=Bounded())
    assert max(float(np.abs(t.actions).max()) for t in clipped) == 0.5
    with pytest.raises(SpaceMismatchError, match="3 observation columns, the environment has 4"):
        demonstrations_of((OBSERVATIONS[..., :3], ACTIONS), env=Bounded())


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((OBSERVATIONS[0, :, 0], ACTIONS[0]), r"observations have 1 dimensions; expected \(steps, columns\)"),
        ((OBSERVATIONS, ACTIONS[:2]), "observations of 3 trajectories and actions of 2"),
        ((OBSERVATIONS[0], ACTIONS[0, :9]), "21 observations for 9 actions"),
        ((OBSERVATIONS[0][:20] * np.nan, ACTIONS[0]), "NaN"),
    ],
)
def test_pairs_that_do_not_fit(pair, message):
    with pytest.raises(DemonstrationError, match=message):
        demonstrations_of(pair)
