"""Each script of examples/ stays short and does, with a small setting, what it says."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import rexd
from rexd.errors import MissingExtraError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def script(name):
    return next(path for path in EXAMPLES if path.stem == name)


def imported(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", script(name))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, folder, *arguments):
    command = [sys.executable, str(script(name)), *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.slow
def test_a_custom_environment_is_recorded_and_trained_in(tmp_path, capsys):
    pytest.importorskip("sbx")
    example = imported("custom_environment")
    demos = example.record(3)
    assert [len(episode) for episode in demos] == [100] * 3
    assert all(np.abs(episode.observations[-1, :2]).max() < 0.2 for episode in demos)  # the expert docks
    small = {"evaluate_every": 200, "evaluation_episodes": 1, "final_episodes": 1, "warm_start": 100}
    example.main(steps=200, out=tmp_path / "run", **small)
    assert "return in the environment: -" in capsys.readouterr().out
    assert rexd.load_policy(tmp_path / "run").predict(np.zeros(4, np.float32))[0].shape == (2,)


@pytest.mark.slow
def test_a_robot_log_becomes_a_reward_that_finds_the_fault(tmp_path):
    printed = run("robot_log", tmp_path)
    assert "8 episodes, 480 rows" in printed
    worst = [int(line.rpartition(" in steps ")[2].split()[0]) for line in printed.splitlines()[-2:]]
    assert all(25 <= first <= 45 for first in worst), printed
    assert rexd.load_reward(tmp_path / "expert.safetensors").checks_


def test_a_vectorised_loop_of_another_kind_runs_on_the_reward(capsys):
    pytest.importorskip("gymnasium")
    progress = imported("vector_loop").search(candidates=4, iterations=3, steps=20)
    assert len(progress) == 3
    assert all(0 < learned < 20 for learned in progress)
    assert capsys.readouterr().out.count("true return") == 3


@pytest.mark.slow
def test_a_policy_is_learnt_offline_from_data_that_were_paid_afterwards(tmp_path, capsys):
    pytest.importorskip("torchrl")
    pytest.importorskip("gymnasium")
    from rexd.cli import main

    data = imported("offline_data").main(tmp_path, episodes=20)
    reward, free_file, paid_file = (str(tmp_path / name) for name in ("reward.safetensors", "free.hdf5", "paid.hdf5"))
    assert main(["relabel", reward, free_file, "-o", paid_file, "--jobs", "1"]) == 0
    with h5py.File(free_file) as free, h5py.File(paid_file) as paid:
        assert "rewards" not in free
        assert paid["rewards"].shape == (20 * 50,)
        mean = paid["rewards"][:].reshape(2, 10, 50).mean((0, 2))
        assert np.corrcoef(mean, np.arange(10))[0, 1] < -0.7  # the less chance, the more it pays
    returns = imported("offline_policy").main(tmp_path / "paid.hdf5", updates=300)
    assert min(returns.values()) > data  # ten times as many updates reach more
    assert capsys.readouterr().out.count("mean return") == 3


def test_an_example_says_how_to_get_torchrl(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchrl.modules", None)
    with pytest.raises(MissingExtraError, match=r"torchrl is not installed.*pip install 'rexd\[dev\]'"):
        imported("offline_policy").learn(tmp_path / "none.hdf5", 1)
