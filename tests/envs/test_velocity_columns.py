import numpy as np
import pytest

pytest.importorskip("gymnasium")

import gymnasium
from gymnasium.wrappers import TransformObservation

from rexd.envs.velocity_columns import velocity_columns


def columns(env_id, wrap=lambda env: env, **kwargs):
    env = wrap(gymnasium.make(env_id, **kwargs))
    try:
        return velocity_columns(env)
    finally:
        env.close()


@pytest.mark.parametrize(
    ("env_id", "expected"),
    [
        ("Hopper-v5", range(5, 11)),
        ("HalfCheetah-v5", range(8, 17)),
        ("Walker2d-v5", range(8, 17)),
        ("Reacher-v5", (6, 7)),
        ("InvertedPendulum-v5", (2, 3)),
    ],
)
def test_simulated_bodies(env_id, expected):
    pytest.importorskip("mujoco")
    assert columns(env_id) == list(expected)


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "CartPole-v1"])
def test_tasks_that_cannot_say(env_id):
    assert columns(env_id) is None


def test_where_a_wrapper_gives_other_observations_nothing_is_claimed():
    pytest.importorskip("mujoco")
    narrow = gymnasium.spaces.Box(-np.inf, np.inf, (4,))
    assert columns("Hopper-v5", lambda env: TransformObservation(env, lambda o: o[:4], narrow)) is None


def test_the_environment_still_works_afterwards():
    pytest.importorskip("mujoco")
    env = gymnasium.make("Hopper-v5")
    first = env.reset(seed=3)[0]
    velocity_columns(env)
    assert env.reset(seed=3)[0].tobytes() == first.tobytes()
    env.close()
