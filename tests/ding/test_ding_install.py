"""Inside DI-engine: by a stand-in for its package, and by itself where it is installed."""

import subprocess
import sys
from abc import ABC
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest
from transitions import build

from rexd.ding import Config, RedRewardModel, Registry, RexdRewardModel, SENet, install
from rexd.errors import MissingExtraError

UNWANTED = (
    "safetensors",
    "gymnasium",
    "stable_baselines3",
    "jax",
    "h5py",
    "rich",
    "tyro",
    "matplotlib",
    "scipy",
    "tensorboard",
    "easydict",
    "ding",
)


class Theirs(Registry):
    """A registry that, as DI-engine's does, refuses a name that is taken."""


@pytest.fixture
def ding(monkeypatch):
    """A package ``ding`` with what ``install`` uses."""
    package, reward_model, utils = (ModuleType(name) for name in ("ding", "ding.reward_model", "ding.utils"))

    class BaseRewardModel(ABC):  # noqa: B024
        pass

    class Red(BaseRewardModel):
        pass

    reward_model.BaseRewardModel = BaseRewardModel
    utils.REWARD_MODEL_REGISTRY = Theirs(red=Red)
    for module in (package, reward_model, utils):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    package.__path__ = []
    monkeypatch.delitem(sys.modules, "rexd.ding.installed", raising=False)
    yield package
    sys.modules.pop("rexd.ding.installed", None)


def theirs():
    return sys.modules["ding.utils"].REWARD_MODEL_REGISTRY, sys.modules["ding.reward_model"].BaseRewardModel


def installed():
    try:
        return find_spec("ding.reward_model") is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.skipif(installed(), reason="DI-engine is installed")
def test_without_di_engine():
    with pytest.raises(MissingExtraError, match="pip install DI-engine"):
        install()
    with pytest.raises(MissingExtraError, match="pip install DI-engine"):
        __import__("rexd.ding.installed")
    sys.modules.pop("rexd.ding.installed", None)


def test_a_broken_di_engine_says_what_it_lacks(monkeypatch, tmp_path):
    (tmp_path / "ding").mkdir()
    (tmp_path / "ding" / "__init__.py").write_text("import no_such_module_x\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "ding"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_x"):
        install()


def test_install_takes_the_place_of_red(ding, tmp_path):
    registry, base = theirs()
    assert registry["red"] is not RedRewardModel
    install()
    assert registry["red"] is RedRewardModel
    assert registry["rexd"] is RexdRewardModel
    model = build(tmp_path)
    assert isinstance(model, base)
    assert issubclass(RexdRewardModel, base)
    assert type(registry.build("red", model.cfg, device="cpu", tb_logger=None)) is RedRewardModel


def test_install_twice_is_install_once(ding):
    install()
    registry, base = theirs()
    before = dict(registry)
    install()
    assert registry == before
    assert issubclass(RedRewardModel, base)


def test_import_does_the_same(ding):
    __import__("rexd.ding.installed")
    registry, base = theirs()
    assert registry["red"] is RedRewardModel
    assert issubclass(RedRewardModel, base)


def test_import_and_training_need_numpy_and_torch_alone(tmp_path):
    build(tmp_path)  # writes expert_data.pkl
    code = (
        "import sys, rexd.ding\n"
        f"assert not set({UNWANTED!r}) & set(sys.modules)\n"
        f"for name in {UNWANTED!r}:\n"
        "    sys.modules[name] = None  # importing it fails\n"
        "from rexd.ding import create_reward_model\n"
        "for kind in ('red', 'rexd'):\n"
        "    config = {'type': kind, 'expert_data_path': 'expert_data.pkl', 'update_per_collect': 5}\n"
        "    model = create_reward_model(config, 'cpu', None)\n"
        "    model.train()\n"
        "    model.estimate(model.expert_data)\n"
        "    model.save('.')\n"
        "    model.load('.')\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.stdout == "done\n"


def test_a_whole_config_reaches_the_model(ding, tmp_path):
    """DI-engine's ``create_reward_model`` takes the type from the section, and hands over the config of all."""
    install()
    path = build(tmp_path).cfg.expert_data_path
    whole = Config(exp_name="run", env={}, reward_model={"expert_data_path": path, "sigma": 0.5, "sample_size": 40})
    model = theirs()[0].build("red", whole, device="cpu", tb_logger=None)
    assert (model.sigma, len(model.expert_data), model.cfg.exp_name) == (0.5, 40, "run")
    assert "env" not in model.cfg


def test_the_module_has_the_name_and_the_names_of_di_engine_s():
    module = import_module("rexd.ding.red_irl_model")
    assert module.RedRewardModel is RedRewardModel
    assert module.SENet is SENet


def test_di_engine_itself(tmp_path):
    reward_model = pytest.importorskip("ding.reward_model")
    install()
    model = reward_model.create_reward_model(build(tmp_path).cfg | {"type": "red"}, "cpu", None)
    assert type(model) is RedRewardModel
    assert isinstance(model, reward_model.BaseRewardModel)
