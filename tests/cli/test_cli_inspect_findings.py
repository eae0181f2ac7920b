import sys
import time
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from line_task import ENV, make_demonstrations

from rexd.cli.show import waiting
from rexd.cli.show.waiting import Waiting
from rexd.demos import Demonstrations, Trajectory
from rexd.reading.containers.source import Source
from rexd.reading.formats.rexd_npz import save_demonstrations

MEND = "rexd convert --shift-actions 1"


def pushed(shift=0, count=4, steps=40, extra=False) -> Demonstrations:
    """Real steps of the line task; with ``shift`` the actions are stored late."""
    env, trajectories = gymnasium.make(ENV).unwrapped, []
    random = np.random.default_rng(0)
    for number in range(count):
        rows, actions = [env.reset(seed=number)[0]], random.uniform(-0.9, 0.9, (steps, 2)).astype(np.float32)
        rows += [env.step(action)[0] for action in actions]
        columns = np.array(rows, np.float32)
        if extra:
            columns = np.column_stack([columns, np.arange(steps + 1, dtype=np.float32)])
        trajectories.append(Trajectory.from_steps(columns, np.roll(actions, shift, axis=0)))
    return Demonstrations(tuple(trajectories))


@pytest.fixture
def good(tmp_path) -> Path:
    return save_demonstrations(pushed(), tmp_path / "good.npz")


@pytest.fixture
def late(tmp_path) -> Path:
    return save_demonstrations(pushed(shift=1), tmp_path / "late.npz")


def test_good_data(rexd, good):
    result = rexd("inspect", good, "--env", ENV)
    assert result.status == 0
    for text in ("one-step error", "standard deviations over", "with another row's action"):
        assert text in result.out
    found = rexd("inspect", good, "--env", ENV, "--json").json
    assert [f for f in found["findings"] if f["severity"] != "info"] == []
    assert (
        found["one_step"]["median"] <= found["one_step"]["maximum"] < 1e-5 < 0.01 < found["one_step"]["action_effect"]
    )


def test_a_fault_and_its_mend(rexd, late):
    result = rexd("inspect", late, "--env", ENV)
    assert result.status == 2
    lines = result.out.splitlines()
    (line,) = [line for line in lines if line.startswith("error")]
    assert "shifted-actions" in line
    assert f"→ {MEND}" in result.out
    found = rexd("inspect", late, "--env", ENV, "--json")
    assert found.status == 2
    first = found.json["findings"][0]
    assert set(first) == {"severity", "code", "message", "mend"}
    assert (first["severity"], first["code"], first["mend"]) == ("error", "shifted-actions", MEND)


def test_without_an_environment_no_step_is_replayed(rexd, late):
    found = rexd("inspect", late, "--json")
    assert found.status == 0
    assert found.json["one_step"] is None


def test_warnings(rexd, tmp_path):
    t = pushed().trajectories
    file = save_demonstrations(Demonstrations((*t, t[0])), tmp_path / "twice.npz")
    result = rexd("inspect", file)
    assert result.status == 1
    assert "duplicate-trajectories" in result.out
    assert "--trajectories 4" in result.out


def test_nothing_found(rexd, tmp_path):
    t = tuple(replace(t, observations=t.observations[:, :1], next_observations=t.next_observations[:, :1])
              for t in pushed())  # fmt: skip
    result = rexd("inspect", save_demonstrations(Demonstrations(t), tmp_path / "one.npz"))
    assert result.status == 0
    assert "no faults found" in result.out


def test_columns_that_do_not_fit_are_a_finding_among_others(rexd, tmp_path):
    file = save_demonstrations(pushed(extra=True), tmp_path / "clock.npz")
    found = rexd("inspect", file, "--env", ENV, "--json")
    assert found.status == 2
    codes = {f["code"]: f for f in found.json["findings"]}
    assert "4 observation columns, the environment has 3" in codes["does-not-fit"]["message"]
    assert "--columns 0:3" in codes["does-not-fit"]["mend"]
    assert "--drop-columns 3" in codes["time-column"]["mend"]
    assert found.json["one_step"]["maximum"] < 1e-5  # its first columns are the environment's


def test_another_environment(rexd, good):
    found = rexd("inspect", good, "--env", "CartPole-v1", "--json")
    assert found.status == 2
    assert [f["code"] for f in found.json["findings"] if f["severity"] == "error"] == ["does-not-fit"]
    assert found.json["one_step"] is None


def test_random_rows_are_no_steps_of_the_environment(rexd, tmp_path):
    file = save_demonstrations(make_demonstrations(), tmp_path / "random.npz")
    result = rexd("inspect", file, "--env", ENV)
    assert result.status == 2
    assert "wrong-environment" in result.out


def test_the_file_is_opened_once(rexd, good, monkeypatch):
    opened = []
    original = Source.__init__
    monkeypatch.setattr(Source, "__init__", lambda self, path: (opened.append(path), original(self, path))[1])
    assert rexd("inspect", good, "--env", ENV).status == 0
    assert len(opened) == 1


class Terminal:
    """A stream that counts as a terminal and keeps what is written."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_bar_only_if_it_takes_long(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Waiting("reading") as bar:
        bar.step("looking", 1, 2)
    assert "reading" not in sys.stderr.text
    monkeypatch.setattr(waiting, "_PATIENCE", 0.02)
    with Waiting("reading") as bar:
        bar.step("looking", 1, 2)
        time.sleep(0.5)
    assert "looking" in sys.stderr.text


def test_no_bar_where_nobody_looks(rexd, good, monkeypatch):
    monkeypatch.setattr(waiting, "_PATIENCE", 0.0)
    result = rexd("inspect", good, "--env", ENV, "--json")
    assert result.err == ""
