"""Whatever a user gives as an environment can be made, or is used itself."""

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import RescaleAction, TimeLimit
from line_task import ENV, Line

from rexd.envs.given import given_environment
from rexd.envs.make import make_environment
from rexd.errors import TaskError


class Unrecorded(gymnasium.Wrapper):
    """A wrapper that records no arguments."""


def made(given):
    return make_environment(given.source, given.kwargs)


def test_an_id_and_a_callable_stay_as_they_are():
    given = given_environment(ENV, {"columns": 4})
    assert (given.source, given.kwargs, given.name, given.reference) == (ENV, {"columns": 4}, ENV, None)
    assert given_environment("line_task:Line").reference == "line_task:Line"
    given = given_environment(Line, {"columns": 4})
    assert (given.source, given.name, given.reference, given.note) == (Line, "Line", "line_task:Line", None)
    assert made(given).columns == 4


@pytest.mark.parametrize("only_spec", [False, True])
def test_an_instance_is_its_id_and_what_differs_from_its_defaults(only_spec):
    env = gymnasium.make(ENV, columns=4, max_episode_steps=5, render_mode="rgb_array")
    given = given_environment(env.spec if only_spec else env)
    assert (given.source, given.name, given.reference, given.note) == (ENV, ENV, None, None)
    assert given.kwargs == {"columns": 4, "max_episode_steps": 5}
    again = made(given)
    assert (again.unwrapped.columns, again.spec.max_episode_steps, again.render_mode) == (4, 5, None)
    assert again is not env


def test_an_instance_without_a_limit_stays_without():
    given = given_environment(gymnasium.make(ENV, max_episode_steps=-1))
    assert made(given).spec.max_episode_steps is None


def test_an_instance_of_defaults_is_its_id():
    assert given_environment(gymnasium.make("Pendulum-v1")).kwargs == {}


def test_wrappers_are_made_again_and_not_taken_for_the_id():
    env = RescaleAction(gymnasium.make(ENV, columns=4, max_episode_steps=5), np.float32(-3), np.float32(3))
    given = given_environment(env)
    assert (given.name, given.reference, given.shared) == (ENV, "line_task:Line(...)", False)
    one, other = made(given), made(given)
    assert one is not other
    for again in (one, other):
        assert isinstance(again, RescaleAction)
        assert (again.action_space.high[0], again.unwrapped.columns, again.spec.max_episode_steps) == (3.0, 4, 5)


def test_arguments_that_json_does_not_keep_are_made_again_in_python():
    given = given_environment(gymnasium.make(ENV, columns=np.int64(4)))
    assert given.reference == "line_task:Line(...)"
    assert made(given).unwrapped.columns == 4


@pytest.mark.parametrize(
    ("env", "why"),
    [
        (TimeLimit(Line(), 5), "it has no spec"),
        (Unrecorded(gymnasium.make(ENV)), "its wrapper Unrecorded does not record its arguments"),
    ],
)
def test_what_cannot_be_made_again_is_used_itself(env, why):
    given = given_environment(env)
    assert given.shared
    assert why in given.note
    assert "Give a class or a function instead" in given.note
    assert given.reference == "line_task:Line(...)"
    assert made(given).unwrapped is env.unwrapped


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (3, "env is of type int; expected a Gymnasium id"),
        (gymnasium.make_vec("CartPole-v1", num_envs=1), "no vector of them"),
    ],
)
def test_what_is_no_environment(env, message):
    with pytest.raises(TaskError, match=message):
        given_environment(env)


def test_arguments_beside_an_instance():
    with pytest.raises(TaskError, match="is made already"):
        given_environment(gymnasium.make(ENV), {"columns": 4})
