"""No verb plays for ever, and none answers a faulty environment or a full disk with a traceback."""

import json
from errno import ENOSPC

import pytest
import torch
from line_task import ENV, STEPS
from line_task import make_policy as line_policy
from test_cli_train import calls  # noqa: F401  # the fixture that replaces training
from troublesome import ENDLESS, FAULTY, shown

from rexd import load_demonstrations
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.rl.config import TrainConfig
from rexd.rl.policies.policy import Policy, PolicySpec


def still(columns=2):
    """A policy that always takes action 0."""
    spec = PolicySpec("gaussian", "relu", (-1.0,), (1.0,))
    return Policy(spec, [(torch.zeros(1, columns), torch.zeros(1))], None)


@pytest.fixture
def policy(tmp_path):
    return still().save(tmp_path / "policy.safetensors")


@pytest.fixture
def run(policy):
    """Make the policy's folder that of a run."""

    def run(**content):
        folder = policy.parent
        described = {"env": ENDLESS, "env_kwargs": {}, "train": TrainConfig().to_dict(), **content}
        (folder / "config.json").write_text(json.dumps(described))
        return folder

    return run


def lengths(result):
    return [episode["length"] for episode in result.json["episodes"]]


def test_a_bare_policy_without_a_limit_is_refused(fails, policy, tmp_path):
    for words in (("evaluate", policy), ("collect", "-o", tmp_path / "d.npz", "--policy", policy)):
        assert "--max-episode-steps N" in fails(*words, "--env", ENDLESS)


def test_the_option_cuts_episodes_off(rexd, policy, tmp_path):
    words = ("--env", ENDLESS, "--episodes", 2, "--max-episode-steps", 7)
    assert lengths(rexd("evaluate", policy, *words, "--json")) == [7, 7]
    assert rexd("collect", "--policy", policy, *words, "-o", tmp_path / "d.npz").status == 0
    for t in load_demonstrations(tmp_path / "d.npz"):
        assert (len(t), bool(t.truncated[-1]), bool(t.terminated.any())) == (7, True, False)


def test_a_run_folder_says_when_its_episodes_end(rexd, run, tmp_path):
    folder = run(max_episode_steps=9)
    result = rexd("evaluate", folder, "--episodes", 2, "--json")
    assert lengths(result) == [9, 9]
    assert result.err.count("after 9 steps, as in the run") == 1
    assert lengths(rexd("evaluate", folder, "--episodes", 1, "--max-episode-steps", 4, "--json")) == [4]
    words = ("collect", "--policy", folder, "--episodes", 1, "-o", tmp_path / "d.npz")
    assert rexd(*words, "--json").json["lengths"] == [9]


def test_the_limit_of_a_run_is_for_its_own_environment(fails, run):
    assert "--max-episode-steps N" in fails("evaluate", run(max_episode_steps=9), "--env", FAULTY)


@pytest.mark.parametrize("off", [-1, None])
def test_a_folder_cannot_switch_the_limit_off(rexd, fails, run, tmp_path, off):
    folder = run(env=ENV, env_kwargs={"max_episode_steps": off, "columns": 2})
    line_policy(columns=2).save(folder / "policy.safetensors")
    if off is None:  # Gymnasium takes the registered one then
        assert lengths(rexd("evaluate", folder, "--episodes", 1, "--json")) == [STEPS]
    else:
        assert "--max-episode-steps N" in fails("evaluate", folder)


def test_fit_checks_the_environment_before_it_fits(rexd, fails, tmp_path, monkeypatch):
    file = save_demonstrations(shown(), tmp_path / "demos.npz")
    words = ("fit", file, "--updates", 5, "-o", tmp_path / "r.safetensors")
    result = rexd(*words, "--env", ENDLESS)
    assert result.status == 0
    assert result.err.count("after 20 steps, twice the longest demonstration") == 1
    assert "no time limit" not in rexd(*words, "--env", ENDLESS, "--max-episode-steps", 6).err
    assert "checks in an environment" in fails(*words, "--max-episode-steps", 6)
    monkeypatch.setattr("rexd.rl.training.reward_in_env.fit_in_environment", None)
    message = fails(*words, "--env", FAULTY, "--env-kwargs", "fault=nan", "at=0")
    assert "nan in column 1" in message


def test_the_option_reaches_training(rexd, calls, demos_file, tmp_path):  # noqa: F811
    rexd("train", demos_file, "--out", tmp_path / "a", "--max-episode-steps", 30)
    rexd("train", demos_file, "--out", tmp_path / "b")
    assert [call["max_episode_steps"] for call in calls] == [30, None]


@pytest.mark.parametrize("fault", ["raises", "nan", "shape", "object"])
def test_an_environment_that_fails_while_it_is_played(fails, policy, fault):
    words = ("--env", FAULTY, "--env-kwargs", f"fault={fault}", "at=5", "--max-episode-steps", 8, "--episodes", 1)
    assert "RexdFaulty-v0: step 5 of episode 1 (seed " in fails("evaluate", policy, *words)


def test_arguments_that_an_environment_chokes_on(fails, policy, tmp_path):
    other = still(3).save(tmp_path / "other.safetensors")
    message = fails("evaluate", other, "--env", "Pendulum-v1", "--env-kwargs", "g=foo")  # raises in the first step
    assert "its arguments {'g': 'foo'}" in message
    assert "cannot be made with the arguments {'bound': 'foo'}" in fails(
        "evaluate", policy, "--env", ENDLESS, "--env-kwargs", "bound=foo"
    )


@pytest.mark.parametrize("named", [True, False])
def test_a_full_disk_is_one_line(fails, policy, tmp_path, monkeypatch, named):
    def full(*args):
        raise OSError(ENOSPC, "No space left on device", *(["there.npz"] if named else []))

    monkeypatch.setattr("rexd.reading.formats.rexd_npz.save_demonstrations", full)
    message = fails("collect", "--policy", policy, "--env", ENDLESS, "--max-episode-steps", 3, "-o", tmp_path / "d.npz")
    assert "no space is left on the disk; free some" in message
    assert ("there.npz: " in message) == named
