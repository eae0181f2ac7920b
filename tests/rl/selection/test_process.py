"""The process that judges beside a training."""

import os
import subprocess
import sys
import time

import pytest

pytest.importorskip("gymnasium")

import numpy as np
import torch
from line_task import Line

from rexd.envs.factory import EnvironmentFactory
from rexd.envs.one_instance import OneInstance
from rexd.rl.policies.policy import Policy, PolicySpec
from rexd.rl.selection.judge import Judge, Player, Standing
from rexd.rl.selection.process import JudgingProcess

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sockets are passed on where there is fork")


def judge_of(env, **arguments):
    return Judge(Player(EnvironmentFactory(env, arguments, 5), None), 2, 3)


def pushing():
    """A policy for the pendulum."""
    spec = PolicySpec.bounded("gaussian", np.array([-2.0]), np.array([2.0]))
    return Policy(spec, [(torch.tensor([[0.3, -0.7, 0.2]]), torch.zeros(1))], None)


@pytest.fixture(scope="module")
def beside():
    process = JudgingProcess.start(judge_of("Pendulum-v1"))
    yield process
    process.close()


def test_the_verdict_is_the_same(beside):
    policy, standing = pushing(), Standing()
    for _ in range(2):
        beside.begin(policy, standing)
        found = beside.verdict()
        assert found == judge_of("Pendulum-v1")(policy, standing)
        standing = found.standing
    assert standing.steps > 0


def test_an_environment_that_fails_ends_it():
    process = JudgingProcess.start(judge_of("Pendulum-v1", unknown=1))
    try:
        process.begin(pushing(), Standing())
        with pytest.raises((EOFError, OSError)):
            process.verdict()
        assert process.ready()
    finally:
        process.close()


def test_a_process_that_does_not_start_is_told_by_its_verdict(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    process = JudgingProcess.start(judge_of("Pendulum-v1"))
    try:
        process.begin(pushing(), Standing())
        with pytest.raises((EOFError, OSError)):
            process.verdict()
    finally:
        process.close()


def test_what_cannot_be_sent_starts_none():
    assert JudgingProcess.start(judge_of(lambda: Line())) is None
    assert JudgingProcess.start(judge_of(OneInstance(Line()))) is None


def test_it_ends_with_its_parent(tmp_path):
    code = (
        "from rexd.envs.factory import EnvironmentFactory\n"
        "from rexd.rl.selection.judge import Judge, Player\n"
        "from rexd.rl.selection.process import JudgingProcess\n"
        "import os\n"
        "process = JudgingProcess.start(Judge(Player(EnvironmentFactory('Pendulum-v1'), None), 2, 3))\n"
        "print(process._process.pid, flush=True)\n"
        "os._exit(0)\n"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
    until = time.monotonic() + 60
    while _lives(pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _lives(pid)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
