import functools
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Text

from rexd.envs.make import environment_name, make_environment
from rexd.envs.spaces import clip_actions
from rexd.errors import MissingExtraError, SpaceMismatchError, TaskError


class Spaces(gymnasium.Env):
    def __init__(self, observation_space=None, action_space=None, render_mode=None):
        self.observation_space = Box(-1, 1, (3,)) if observation_space is None else observation_space
        self.action_space = Discrete(2) if action_space is None else action_space
        self.render_mode = render_mode
        self.closed = False

    def close(self):
        self.closed = True


def test_an_id_is_made_with_its_time_limit():
    env = make_environment("CartPole-v1", {"sutton_barto_reward": True})
    assert environment_name(env) == "CartPole-v1"
    assert env.spec.max_episode_steps == 500


def test_an_id_behind_a_module(tmp_path, monkeypatch):
    (tmp_path / "rexd_registers.py").write_text(
        "import gymnasium\ngymnasium.register('RexdTest-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TaskError, match="'module:RexdTest-v0'"):
        make_environment("RexdTest-v0")
    assert environment_name(make_environment("rexd_registers:RexdTest-v0")) == "RexdTest-v0"


def test_a_callable_is_made_with_its_arguments():
    env = make_environment(Spaces, {"action_space": Box(-1, 1, (2,))}, render_mode="rgb_array")
    assert env.action_space.shape == (2,)
    assert env.render_mode == "rgb_array"
    assert isinstance(make_environment(functools.partial(Spaces)), Spaces)


@pytest.mark.parametrize(
    ("env_id", "found"),
    [
        ("HalfCheeta-v4", "HalfCheetah-v4"),
        ("halfcheetah-v5", "HalfCheetah-v5"),
        ("CartPole-v7", "CartPole-v1"),
        ("no_such_module:Foo-v0", "no_such_module"),
        ("not an id!", "Malformed"),
        ("a:b:c", "module:Id"),
        ("Ant-v2", "gymnasium-robotics"),
    ],
)
def test_an_unknown_id_is_answered_with_help(env_id, found):
    with pytest.raises(TaskError, match=found):
        make_environment(env_id)


@pytest.mark.parametrize("env", ["CartPole-v1", Spaces])
def test_refused_arguments_are_named(env):
    with pytest.raises(TaskError, match="nonsense"):
        make_environment(env, {"nonsense": 1})


def test_an_error_inside_a_callable_is_its_own():
    def broken():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        make_environment(broken)


def test_a_callable_must_return_an_environment():
    with pytest.raises(TaskError, match="returned dict"):
        make_environment(dict)


def test_an_older_version_is_made_without_a_warning():  # warnings are errors here
    assert make_environment("Pendulum-v1").action_space.shape == (1,)
    make_environment("Hopper-v4").close()


def test_other_deprecations_are_still_heard():
    def noisy():
        import warnings

        warnings.warn("something else", DeprecationWarning, stacklevel=1)
        return Spaces()

    with pytest.warns(DeprecationWarning, match="something else"):
        make_environment(noisy)


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({"observation_space": Box(0, 1, (4, 4, 3))}, r"shape \(4, 4, 3\)"),
        ({"observation_space": Dict(a=Box(0, 1, (2,)), b=Box(0, 255, (4, 4), np.uint8))}, "b; .*FilterObservation"),
        ({"observation_space": Text(5)}, "expected a flat Box"),
        ({"action_space": MultiBinary((3, 2))}, "MultiBinary.*expected one dimension"),
        ({"action_space": Box(-1, 1, (2, 2))}, r"\(2, 2\)"),
        ({"action_space": Discrete(3, start=1)}, "start at 1"),
    ],
)
def test_unsupported_spaces_are_refused_and_the_environment_is_closed(spaces, message):
    made = []

    def make():
        made.append(Spaces(**spaces))
        return made[0]

    with pytest.raises(SpaceMismatchError, match=message):
        make_environment(make)
    assert made[0].closed


def test_missing_mujoco_names_the_install_line():
    code = (
        "import sys; sys.modules['mujoco'] = None\n"
        "from rexd.envs.make import make_environment\n"
        "make_environment('Hopper-v5')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert MissingExtraError.__name__ in result.stderr
    assert "pip install 'rexd[train]'" in result.stderr


def test_names_of_sources():
    assert environment_name("module:Ant-v5") == "Ant-v5"
    assert environment_name(Spaces) == "Spaces"
    assert environment_name(functools.partial(Spaces)) == "Spaces"
    assert environment_name(Spaces()) == "Spaces"


def test_actions_are_clipped_into_a_new_array():
    sent = np.array([[2.0, -0.5], [0.5, -3.0]])
    taken = clip_actions(Box(-1, 1, (2,)), sent)
    np.testing.assert_array_equal(taken, np.float32([[1, -0.5], [0.5, -1]]))
    assert taken.dtype == np.float32
    inside = np.zeros((1, 2), np.float32)
    assert clip_actions(Box(-1, 1, (2,)), inside) is not inside
    assert clip_actions(Discrete(3), np.array([2, 0], np.int32)).tolist() == [2, 0]
