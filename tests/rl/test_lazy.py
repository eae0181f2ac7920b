import subprocess
import sys
from importlib import import_module

import pytest

import rexd.rl
from rexd.errors import MissingExtraError


def test_import_is_light():
    code = "import sys, rexd.rl; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"gymnasium", "stable_baselines3", "torch", "numpy"}.isdisjoint(loaded)


@pytest.mark.parametrize("name", rexd.rl.__all__)
def test_public_names_load(name):
    module, needs = rexd.rl._HOME[name]
    pytest.importorskip(needs)
    assert getattr(rexd.rl, name) is getattr(import_module(module), name)
    assert name in dir(rexd.rl)


def test_only_the_sb3_wrapper_loads_sb3():
    code = (
        "import sys; from rexd.rl import RewardWrapper, RewardVectorWrapper, AbsorbingStates\n"
        "assert 'stable_baselines3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names():
    with pytest.raises(AttributeError, match=r"'rexd\.rl' has no attribute 'nothing'"):
        _ = rexd.rl.nothing


def test_a_missing_package_names_the_install_line(monkeypatch):
    monkeypatch.delitem(rexd.rl.__dict__, "RewardWrapper", raising=False)
    monkeypatch.setitem(rexd.rl._HOME, "RewardWrapper", ("rexd.rl.wrappers.reward_wrapper", "no_such_package"))
    with pytest.raises(MissingExtraError, match=r"rexd\[train\]"):
        _ = rexd.rl.RewardWrapper
