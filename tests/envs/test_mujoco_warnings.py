import gymnasium
import pytest

pytest.importorskip("mujoco")

import mujoco

from rexd.envs.make import make_environment
from rexd.envs.mujoco_warnings import KNOWN, without_known_warnings

SAID = f"compiler attribute {KNOWN} and will be removed"


@pytest.fixture
def heard():
    """What reaches a handler of the user's own, which is in place again afterwards."""
    messages = []
    mujoco.set_mju_user_warning(messages.append)
    yield messages
    mujoco.set_mju_user_warning(None)


def test_gymnasium_s_own_models_are_made_in_silence(heard):
    make_environment("HalfCheetah-v5").close()
    assert heard == []
    gymnasium.make("HalfCheetah-v5").close()
    assert len(heard) in (0, 1)  # 0 as soon as Gymnasium has mended its models


def test_other_warnings_are_heard_and_the_handler_is_put_back(heard):
    with without_known_warnings("HalfCheetah-v5"):
        for message in (SAID, "the simulation is unstable"):
            mujoco.get_mju_user_warning()(message)
    assert heard == ["the simulation is unstable"]
    mujoco.get_mju_user_warning()(SAID)
    assert heard[1:] == [SAID]


def test_without_a_handler_they_go_to_the_screen_as_before(capsys):
    with without_known_warnings("HalfCheetah-v5"):
        mujoco.get_mju_user_warning()("the simulation is unstable")
    assert capsys.readouterr().err == "WARNING: the simulation is unstable\n"
    assert mujoco.get_mju_user_warning() is None


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "NoSuchTask-v0"])
def test_other_environments_are_left_alone(heard, env_id):
    before = mujoco.get_mju_user_warning()
    with without_known_warnings(env_id):
        assert mujoco.get_mju_user_warning() is before
