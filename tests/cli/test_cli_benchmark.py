import io
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rexd.benchmark.pace import Pace, speed
from rexd.benchmark.runs import Folders, expand
from rexd.benchmark.schedule import Phase, RunProgress, run_all
from rexd.benchmark.suite import load_suite
from rexd.cli.show.benchmark import Lines, LiveTable, duration, summary

SUITE = """
about = "for tests"
seeds = [0]
[regimes.4x5]
trajectories = 4
subsample = 5
[tasks.Pendulum]
env = "Pendulum-v1"
demonstrations = "bundled"
steps = 300
demonstrations_return = -150.0
random_return = -1198.0
[methods.rexd]
[methods.bc]
kind = "cloning"
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def places(tmp_path):
    return "--out", tmp_path / "results", "--runs", tmp_path / "runs"


@pytest.fixture
def faked(monkeypatch):
    """Processes that write a result at once, or do what a test wants."""

    def install(body="finish(job, -200.0)"):
        code = (
            "import json, pathlib, sys, time\n"
            "from rexd.benchmark.runs import RunSpec\n"
            "job = json.loads(pathlib.Path(sys.argv[1]).read_text())\n"
            "def finish(job, value):\n"
            "    run = job['run']\n"
            "    path = pathlib.Path(sys.argv[1].replace('/runs/', '/results/').replace('.job', ''))\n"
            "    path.parent.mkdir(parents=True, exist_ok=True)\n"
            "    path.write_text(json.dumps({'task': 'Pendulum', 'regime': '4x5', 'method': run['method']['name'],\n"
            "        'seed': 0, 'steps': run['steps'], 'seconds': 2.0, 'return_mean': value, 'return_std': 0.0,\n"
            "        'settings': RunSpec.from_dict(run).settings}))\n"
            f"{body}\n"
        )
        command = lambda job: [sys.executable, "-c", code, str(job)]  # noqa: E731
        monkeypatch.setitem(run_all.__kwdefaults__, "command", command)

    return install


def test_runs_are_listed(rexd, suite, places):
    result = rexd("benchmark", suite, "--dry-run", *places, "--steps", 40)
    assert result.status == 0
    assert "4x5/Pendulum-rexd-seed0" in result.out
    assert "2 new" in result.err
    assert rexd("benchmark", suite, "--dry-run", *places, "--json").json["runs"][0] == {
        "id": "4x5/Pendulum-rexd-seed0",
        "state": "new",
        "steps": 300,
    }


def test_what_is_wrong_is_told_in_one_line(fails, suite, places):
    assert "no suite 'quik'" in fails("benchmark", "quik", *places)
    assert "has no task 'Pendulun'. Did you mean 'Pendulum'" in fails("benchmark", suite, "--tasks", "Pendulun")
    assert "needs Ant-v2.pkl" in fails("benchmark", "red", "--tasks", "Ant", *places)
    assert "no run of the suite is left" in fails("benchmark", "red", "--tasks", "Reacher", "--regimes", "4x1", *places)
    assert "has no result of suite tiny" in fails("benchmark", suite, "--report", *places)
    assert "--jobs is 0" in fails("benchmark", suite, "--jobs", 0, *places)
    assert "--write belongs to --report" in fails("benchmark", suite, "--write", *places)
    assert "--write renews whole documents" in fails("benchmark", suite, "--report", "--write", "--seeds", 0, *places)


def test_runs_crash_and_resume(rexd, suite, places, faked, tmp_path):
    faked("assert job['run']['method']['name'] == 'bc', 'no luck'\nfinish(job, -200.0)")
    first = rexd("benchmark", suite, *places, "--jobs", 2)
    assert first.status == 1
    assert "WARNING: 4x5/Pendulum-rexd-seed0 crashed: AssertionError: no luck; see " in first.err
    assert "4x5/Pendulum-bc-seed0 · done" in first.err
    assert (tmp_path / "runs" / "tiny" / "4x5" / "Pendulum-rexd-seed0.crash.json").is_file()
    faked()
    again = rexd("benchmark", suite, *places, "--json")
    assert again.status == 0
    assert "1 of 2 runs have their result already" in again.err
    assert [(run["state"], run["return_mean"]) for run in again.json["runs"]] == [("done", -200.0)] * 2


def test_stale_results_stay_unless_they_are_to_be_redone(rexd, suite, places, faked, tmp_path):
    faked()
    rexd("benchmark", suite, *places)
    path = tmp_path / "results" / "tiny" / "4x5" / "Pendulum-rexd-seed0.json"
    result = json.loads(path.read_text())
    run = expand(load_suite(str(suite)))[0]
    path.write_text(json.dumps({**result, "return_mean": -1.0, "settings": {**run.settings, "discount": 0.5}}))
    kept = rexd("benchmark", suite, *places)
    assert "made with other settings (discount was 0.5, is 0.99) and stays" in " ".join(kept.err.split())
    assert json.loads(path.read_text())["return_mean"] == -1.0
    rexd("benchmark", suite, *places, "--redo")
    assert json.loads(path.read_text())["return_mean"] == -200.0


def test_ctrl_c_says_how_to_go_on(rexd, suite, places, faked, monkeypatch):
    faked("time.sleep(60)")
    monkeypatch.setattr("rexd.benchmark.schedule.POLL_EVERY", 0.02)

    def interrupt(self, items):
        if items[0].phase is Phase.RUNNING:
            raise KeyboardInterrupt

    monkeypatch.setattr(Lines, "tick", interrupt)
    result = rexd("benchmark", suite, *places)
    assert result.status == 130
    assert f"Go on with: rexd benchmark {suite} --out" in result.err
    assert "--resume" not in result.err


def test_a_report_of_what_is_there(rexd, suite, places, faked, tmp_path):
    pytest.importorskip("matplotlib")
    faked()
    rexd("benchmark", suite, *places)
    result = rexd("benchmark", suite, "--report", *places)
    assert result.status == 0, result.err
    assert "| rexd | -200 | 0.95 | 0.95 (Pendulum, seed 0) |" in result.out
    assert (tmp_path / "runs" / "report-tiny.html").read_text().count("<svg") == 1
    methods = rexd("benchmark", suite, "--report", "--json", *places).json["methods"]
    assert methods[1]["probability_default_better"]["probability"] == 0.5  # a tie


@pytest.mark.slow
def test_quick_at_a_tiny_budget(rexd, places, tmp_path):
    # the whole way, in processes of their own: demonstrations, reward, training, result
    pytest.importorskip("sbx")
    words = ("benchmark", "quick", "--tasks", "Pendulum", "--methods", "rexd", "bc", "--steps", 300, *places)
    result = rexd(*words, "--jobs", 2)
    assert result.status == 0, result.err
    found = json.loads((tmp_path / "results" / "quick" / "4x5" / "Pendulum-rexd-seed0.json").read_text())
    assert (found["steps"], found["transitions"], len(found["episodes"])) == (300, 160, 20)
    assert [point["steps"] for point in found["curve"]] == [300]
    assert (found["suite"], found["settings"]["subsample"]) == ("quick", 5)
    assert found["settings"]["reward"]["shape"] == "logarithmic"
    cloned = json.loads((tmp_path / "results" / "quick" / "4x5" / "Pendulum-bc-seed0.json").read_text())
    assert (cloned["steps"], cloned["offsets"]) == (0, found["offsets"])
    assert -2000 < cloned["return_mean"] < 0
    assert [run["state"] for run in rexd(*words, "--dry-run", "--json").json["runs"]] == ["done", "done"]


ITEM = RunProgress(expand(load_suite("red"))[0])
METRICS = [
    {"steps": 2000 * k, "seconds": 50.0 + 20 * k, "learned_return": 10.0 * k, "true_return": 0.0} for k in range(1, 4)
]


def test_speed_and_time_left():
    assert speed([]) is None
    assert speed(METRICS[:1]) == pytest.approx(2000 / 70)  # with the fit and compiling
    assert speed(METRICS) == pytest.approx(100)
    pace = Pace([{"task": "Hopper", "method": "sqil", "steps": 1000, "seconds": 20.0}])
    assert pace.run_seconds(ITEM) == pytest.approx(ITEM.run.steps * 0.02)  # nothing nearer is known
    assert Pace([]).run_seconds(ITEM) is None
    assert pace.run_seconds(replace(ITEM, phase=Phase.DONE)) == 0
    running = replace(ITEM, phase=Phase.RUNNING, metrics=METRICS, evaluated=time.monotonic())
    assert pace.run_seconds(running) == pytest.approx((ITEM.run.steps - 6000) / 100, abs=5)


def test_what_is_known_of_the_same_task_and_method_counts_most():
    def known(task, method, seconds):
        return {"task": task, "method": method, "steps": 1000, "seconds": seconds}

    pace = Pace([known("HalfCheetah", "rexd", 10.0), known("HalfCheetah", "sqil", 99.0), known("Ant", "rexd", 99.0)])
    assert pace.run_seconds(ITEM) == pytest.approx(ITEM.run.steps / 100)
    assert pace.all_seconds([ITEM, replace(ITEM), replace(ITEM)], 2) == pytest.approx(1.5 * ITEM.run.steps / 100)
    assert pace.all_seconds([ITEM], 2) == pytest.approx(ITEM.run.steps / 100)  # one run has one core


def test_the_table_shows_what_matters():
    runs = expand(load_suite("red"))
    items = [RunProgress(run) for run in runs[:30]]
    for item in items[:20]:
        item.phase, item.result = Phase.DONE, {"steps": 9, "return_mean": 4103.0, "return_std": 5.0, "seconds": 61.0}
    items[20].phase, items[20].error = Phase.CRASHED, "ValueError: no"
    items[21].phase, items[21].metrics = Phase.RUNNING, METRICS
    screen = io.StringIO()
    with LiveTable(Console(width=160, force_terminal=True, file=screen), Pace([]), jobs=2) as table:
        table.changed(items[0])
        table.tick(items)
    text = screen.getvalue()
    assert runs[0].id not in text  # done long ago
    assert runs[19].id in text
    assert "ValueError: no" in text
    assert "6,000 of" in text
    assert "100.0 steps/s" in text
    assert runs[24].id in text
    assert runs[25].id not in text
    assert "30 runs: 8 waiting, 1 running, 20 done, 1 crashed" in text
    assert "took 1 min 01 s" in text


def test_durations():
    assert [duration(s) for s in (3.2, 61, 7325)] == ["3 s", "1 min 01 s", "2 h 02 min"]
    assert summary([replace(ITEM, phase=Phase.DONE)], Pace([]), 1) == "1 runs: 1 done"


def test_folders_of_a_run():
    folders = Folders(Path("a"), Path("b"))
    names = [folders.result, folders.run, folders.log, folders.crash, folders.job, folders.lock]
    assert len({path(ITEM.run) for path in names}) == 6
