"""``rexd train --seeds``: processes for the seeds, one summary, and nothing lost where one fails."""

import json
import os
import sys
import textwrap
from pathlib import Path

import pytest
from line_task import make_demonstrations

from rexd.cli.seeds import run as module
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.rl.training.run_folder import load_run

HELPERS = Path(__file__).parents[2] / "helpers"

FAKE = """
    import json, pathlib, sys, time
    words = sys.argv[1:]
    folder, seed = pathlib.Path(words[words.index("--out") + 1]), int(words[words.index("--seed") + 1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.json").write_text(json.dumps(words))
    if seed == 1 and "--resume" not in words:
        print("rexd: error: no such thing")
        sys.exit(2)
    summary = {"mean": 10.0 * seed, "std": 1.0, "iqm": 10.0 * seed, "low": 0.0, "high": 1.0, "n": 20}
    found = {"true": summary, "learned": summary, "steps": 400, "seconds": 2.0, "episodes": []}
    (folder / "evaluation.json").write_text(json.dumps(found))
"""


@pytest.fixture
def fake(monkeypatch):
    """Processes that train nothing."""
    monkeypatch.setattr(module, "POLL_EVERY", 0.01)
    monkeypatch.setattr(module, "_module", lambda core: [sys.executable, "-c", textwrap.dedent(FAKE)])


def test_a_table_for_all_seeds(rexd, fake, demos_file, tmp_path):
    out = tmp_path / "runs"
    result = rexd("train", demos_file, "--env", "E", "--seeds", "2-4", "--jobs", 2, "--out", out)
    assert result.status == 0, result.err
    rows = [line.split() for line in result.out.splitlines()]
    assert [row[0] for row in rows] == ["seed", "2", "3", "4", "all"]
    assert rows[-1][1:4] == ["30.0", "±", "10.0"]
    words = json.loads((out / "seed3" / "words.json").read_text())
    assert words == ["train", str(demos_file), "--env", "E", "--seed", "3", "--out", str(out / "seed3")]


def test_a_seed_that_fails_does_not_stop_the_others(rexd, fake, demos_file, tmp_path):
    words = ("train", demos_file, "--env", "E", "--seeds", "0-2", "--jobs", 1, "--out", tmp_path / "runs")
    result = rexd(*words, "--json")
    assert result.status == 1
    found = result.json
    assert [each["state"] for each in found["seeds"]] == ["done", "failed", "done"]
    assert found["seeds"][1]["error"] == "rexd: error: no such thing"
    assert "WARNING: seed 1 failed: rexd: error: no such thing; see" in result.err
    assert (found["over_seeds"]["true"]["mean"], found["over_seeds"]["true"]["n"]) == (10.0, 2)
    assert json.loads((tmp_path / "runs/seeds.json").read_text()) == found
    again = rexd(*words)
    assert again.status == 2
    assert "Continue the runs there with --resume" in again.err
    assert rexd(*words, "--resume").status == 0
    assert "--resume" in json.loads((tmp_path / "runs/seed1/words.json").read_text())


def test_ctrl_c_leaves_no_process(rexd, demos_file, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "POLL_EVERY", 0.01)
    monkeypatch.setattr(module, "_module", lambda core: [sys.executable, "-c", "import time; time.sleep(600)"])
    started = []

    def tell(run):
        started.append(run.seed)
        if len(started) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("rexd.cli.seeds.train._line", tell)
    seen = []
    begin = module._start

    def popen(*words, **options):
        seen.append(begin(*words, **options))
        return seen[-1]

    monkeypatch.setattr(module, "_start", popen)
    result = rexd("train", demos_file, "--env", "E", "--seeds", "0-4", "--jobs", 2, "--out", tmp_path / "runs")
    assert result.status == 130
    assert result.err.rstrip().endswith(f"--out {tmp_path / 'runs'} --resume")
    assert len(seen) == 2
    assert all(process.returncode is not None for process in seen)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--jobs", 2), "belong to --seeds"),
        (("--seeds", "0-1", "--seed", 3), "exclude each other"),
        (("--seeds", "0-1", "--jobs", 0), "--jobs is 0"),
        (("--seeds", "x"), "is not understood"),
    ],
)
def test_options_that_cannot_work(fails, demos_file, tmp_path, words, message):
    assert message in fails("train", demos_file, "--env", "E", "--out", tmp_path / "runs", *words)


@pytest.mark.slow
def test_seeds_are_the_runs_of_single_commands(rexd, tmp_path, monkeypatch):
    path = os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    demos = save_demonstrations(make_demonstrations(), tmp_path / "demos.npz")
    few = ("--steps", 60, "--final-episodes", 2, "--evaluation-episodes", 1, "--evaluate-every", 30, "--warm-start", 20)
    task = ("--env", "line_task:RexdCliLine-v0", "--algorithm", "sb3-sac", "--reward.updates", 20)
    found = rexd("train", demos, *task, *few, "--seeds", "0-1", "--jobs", 1, "--out", tmp_path / "two", "--json")
    assert found.status == 0, found.err
    assert rexd("train", demos, *task, *few, "--seed", 1, "--out", tmp_path / "one").status == 0
    alone, among = load_run(tmp_path / "one"), load_run(tmp_path / "two/seed1")
    assert alone.evaluation["episodes"] == among.evaluation["episodes"]
    for name in ("policy.safetensors", "reward.safetensors"):
        assert (tmp_path / "one" / name).stat().st_size == (tmp_path / "two/seed1" / name).stat().st_size
