import os
import subprocess
import sys

import pytest

from rexd.errors import TaskError
from rexd.evaluation import offscreen
from rexd.evaluation.policies import ConstantPolicy
from rexd.evaluation.video import record_video

DISPLAYS = ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY")


@pytest.fixture
def headless(monkeypatch):
    """A Linux without a display, on which only the libraries work that are in the set."""
    working = set()
    pytest.importorskip("mujoco")
    for name in DISPLAYS:
        monkeypatch.setenv(name, "")  # what the choice sets is taken back after the test
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(offscreen, "_works", lambda value: value in working)
    offscreen._first_that_works.cache_clear()
    yield working
    offscreen._first_that_works.cache_clear()


@pytest.mark.parametrize(
    ("working", "value", "name"),
    [({"egl", "osmesa"}, "egl", "EGL"), ({"osmesa"}, "osmesa", "OSMesa"), (set(), "", None)],
)
def test_the_first_library_that_works_is_chosen(headless, working, value, name):
    headless |= working
    assert offscreen.choose_library() == name
    assert os.environ["MUJOCO_GL"] == value


@pytest.mark.parametrize("variable", DISPLAYS)
def test_a_display_or_a_choice_is_left_alone(headless, monkeypatch, variable):
    headless.add("egl")
    monkeypatch.setenv(variable, "glfw")
    assert offscreen.choose_library() is None
    assert os.environ["MUJOCO_GL"] == ("glfw" if variable == "MUJOCO_GL" else "")


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_other_systems_are_left_alone(headless, monkeypatch, system):
    headless.add("egl")
    monkeypatch.setattr("sys.platform", system)
    assert offscreen.choose_library() is None
    assert os.environ["MUJOCO_GL"] == ""


def test_where_none_works_it_says_what_to_install(headless, tmp_path):
    gymnasium = pytest.importorskip("gymnasium")
    pytest.importorskip("imageio")
    made = []

    def make():
        made.append(gymnasium.make("InvertedPendulum-v5", render_mode="rgb_array"))
        return made[0]

    with pytest.raises(TaskError, match=r"neither EGL nor OSMesa works.*apt install libosmesa6"):
        record_video(make, ConstantPolicy(0.0), tmp_path / "film.gif", seed=0)
    assert made[0].unwrapped.mujoco_renderer._viewers == {}  # a renderer that cannot work ends the process


def test_a_film_without_a_display(tmp_path):
    """In a process of its own, as the choice is for a whole process."""
    pytest.importorskip("mujoco")
    pytest.importorskip("imageio")
    if not any(offscreen._works(value) for value in offscreen.LIBRARIES):
        pytest.skip("neither EGL nor OSMesa is installed")
    code = (
        "import sys, gymnasium\n"
        "from rexd.evaluation.video import record_video\n"
        "from rexd.evaluation.policies import ZeroPolicy\n"
        "make = lambda: gymnasium.make('InvertedPendulum-v5', render_mode='rgb_array', width=64, height=64)\n"
        "assert record_video(make, ZeroPolicy(make().action_space), sys.argv[1], seed=0, max_steps=3) > 0\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in DISPLAYS}
    film = tmp_path / "film.gif"
    subprocess.run([sys.executable, "-c", code, str(film)], env=environment, check=True, timeout=300)
    assert film.read_bytes()[:3] == b"GIF"
