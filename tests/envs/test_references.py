"""References to what makes an environment."""

import functools
import sys

import gymnasium
import pytest

from rexd.envs import references
from rexd.envs.make import make_environment
from rexd.envs.references import find_maker, is_importable, reference_of
from rexd.errors import TaskError

MODULE = """
import gymnasium
from gymnasium.spaces import Box

class Room:
    class Task(gymnasium.Env):
        observation_space, action_space = Box(-1, 1, (2,)), Box(-1, 1, (1,))

        def __init__(self, size=1):
            self.size = size

    @classmethod
    def make(cls, size=1):
        return cls.Task(size)

Task, number = Room.Task, 3
gymnasium.register("Both", entry_point=lambda: Room.Task(size=7), disable_env_checker=True)
Both = Room.Task
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the current folder, which is not on the path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rexd_room.py").write_text(MODULE)
    yield "rexd_room"
    sys.modules.pop("rexd_room", None)
    gymnasium.registry.pop("Both", None)


class Maker:
    def __call__(self):
        return None

    def make(self):
        return None


def local():
    return lambda: None


@pytest.mark.parametrize(
    ("maker", "reference", "importable"),
    [
        (pytest.importorskip, "_pytest.outcomes:importorskip", True),
        (Maker, f"{__name__}:Maker", True),
        (Maker.make, f"{__name__}:Maker.make", True),
        (local(), f"{__name__}:local.<locals>.<lambda>", False),
        (Maker(), f"{__name__}:Maker(...)", False),
        (Maker().make, f"{__name__}:Maker(...).make", False),
        (functools.partial(Maker, 1), f"{__name__}:Maker(...)", False),
    ],
)
def test_reference_of(maker, reference, importable):
    assert (reference_of(maker), is_importable(reference)) == (reference, importable)


@pytest.mark.parametrize("text", ["Hopper-v5", "module:Id-v0", ":Name", "module:", "a:b:c", "__main__:Task", "a b:c"])
def test_what_is_no_reference(text):
    assert not is_importable(text)


def test_what_lies_in_the_running_script_has_its_name(monkeypatch):
    class Main:
        __file__, __spec__ = "/somewhere/my_script.py", None

    monkeypatch.setitem(sys.modules, "__main__", Main)
    assert references._module_of(type("Task", (), {"__module__": "__main__"})) == "my_script"


def test_make_by_reference(module):
    path = list(sys.path)
    assert make_environment(f"{module}:Room.Task", {"size": 4}).size == 4
    assert make_environment(f"{module}:Room.make").size == 1
    assert sys.path == path


def test_a_registered_name_goes_first(module):
    assert make_environment(f"{module}:Both").unwrapped.size == 7


@pytest.mark.parametrize("name", ["nothing", "number", "Task.nothing"])
def test_what_is_not_there(module, name):
    assert find_maker(f"{module}:{name}") is None
    with pytest.raises(TaskError, match="cannot be made"):
        make_environment(f"{module}:{name}")


def test_a_module_that_is_not_there():
    assert find_maker("rexd_no_such_module.inner:Task") is None
    with pytest.raises(TaskError, match="rexd_no_such_module"):
        make_environment("rexd_no_such_module:Task")


def test_a_module_that_lacks_another(module, tmp_path):
    (tmp_path / "rexd_room.py").write_text("import rexd_no_such_module")
    with pytest.raises(TaskError, match=r"No module named 'rexd_no_such_module'.*install what it needs"):
        make_environment("rexd_room:Task")


def test_the_current_folder_does_not_hide_an_installed_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "colorsys.py").write_text("raise SystemExit")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert find_maker("colorsys:rgb_to_hls") is not None
