import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from suites import fake, suite

from rexd.benchmark.runs import Folders, expand, state_of
from rexd.benchmark.schedule import Phase, run_all


class Seen:
    """A watcher that remembers, and may interrupt."""

    def __init__(self, interrupt_when=None):
        self.changes, self.most, self.interrupt_when = [], 0, interrupt_when

    def changed(self, item):
        self.changes.append((item.run.id, str(item.phase), len(item.metrics)))

    def tick(self, items):
        self.most = max(self.most, sum(item.phase is Phase.RUNNING for item in items))
        if self.interrupt_when is not None and self.interrupt_when(items):
            raise KeyboardInterrupt


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path / "results", tmp_path / "runs")


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr("rexd.benchmark.schedule.POLL_EVERY", 0.02)


RUNS = expand(suite())[:4]


def test_a_crash_is_recorded_and_does_not_stop_the_others(folders):
    seen = Seen()
    body = """
        if run["task"]["name"] == "B" and run["seed"] == 0:
            print("about to fail")
            raise ValueError("no such thing")
        finish(5.0)
    """
    made = run_all(RUNS, folders, jobs=2, watch=seen, command=fake(body))
    assert [item.phase for item in made] == [Phase.DONE, Phase.CRASHED, Phase.DONE, Phase.DONE]
    assert made[0].result["return_mean"] == 5.0
    assert made[1].error == "ValueError: no such thing"
    record = json.loads(folders.crash(RUNS[1]).read_text())
    assert (record["run"], record["status"], record["error"]) == (RUNS[1].id, 1, "ValueError: no such thing")
    assert record["last_lines"][0] == "about to fail"
    assert any(line.startswith("Traceback") for line in record["last_lines"])
    assert Path(record["log"]).read_text().startswith("about to fail")
    assert not folders.crash(RUNS[0]).exists()
    assert seen.most <= 2
    # once it works, nothing is left of the crash
    run_all(RUNS[1:2], folders, jobs=1, watch=seen, command=fake("finish(1.0)"))
    assert not folders.crash(RUNS[1]).exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("print('done, it thinks')", "no result was written: done, it thinks"),
        ("sys.exit(3)", "it printed nothing"),
    ],
)
def test_other_ends_without_a_result(folders, body, error):
    (item,) = run_all(RUNS[:1], folders, jobs=1, watch=Seen(), command=fake(body))
    assert (item.phase, item.error) == (Phase.CRASHED, error)


def test_ctrl_c_ends_the_processes_and_the_same_call_goes_on(folders):
    body = """
        done = (folder / "metrics.jsonl").exists()
        evaluated(100)
        while not done:
            time.sleep(0.05)
        finish(7.0)
    """
    first = Seen(interrupt_when=lambda items: len(items[0].metrics) == 1)
    with pytest.raises(KeyboardInterrupt):
        run_all(RUNS[:2], folders, jobs=1, watch=first, command=fake(body))
    assert first.changes[-1] == (RUNS[0].id, "running", 1)
    assert not folders.result(RUNS[0]).exists()
    assert not folders.crash(RUNS[0]).exists()  # being told to end is no crash
    log = folders.log(RUNS[0])
    assert not [p for p in Path("/proc").glob("[0-9]*/fd/1") if _points_at(p, log)]
    (item,) = run_all(RUNS[:1], folders, jobs=1, watch=Seen(), command=fake(body))
    assert item.phase is Phase.DONE
    assert len(item.metrics) == 2


def _points_at(link, path):
    try:
        return os.readlink(link) == str(path)
    except OSError:
        return False


def test_only_what_is_to_be_anew_loses_its_folder(folders):
    for run in RUNS[:2]:
        folders.run(run).mkdir(parents=True)
        (folders.run(run) / "old").touch()
    run_all(RUNS[:2], folders, jobs=2, watch=Seen(), anew=RUNS[:1], command=fake("finish(1.0)"))
    assert [(folders.run(run) / "old").exists() for run in RUNS[:2]] == [False, True]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen here")
def test_each_process_has_one_thread_and_a_core(folders, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--mine")
    body = """
        flags = all(flag in os.environ["XLA_FLAGS"] for flag in ("--mine ", "intra"))
        (folder / "seen").write_text(f"{job['core']} {os.environ['OMP_NUM_THREADS']} {flags}")
        time.sleep(0.3)
        finish(1.0)
    """
    run_all(RUNS[:2], folders, jobs=2, watch=Seen(), command=fake(body))
    seen = [(folders.run(run) / "seen").read_text().split() for run in RUNS[:2]]
    cores = sorted(os.sched_getaffinity(0))
    assert [int(words[0]) for words in seen] == [cores[0], cores[1 % len(cores)]]
    assert all(words[1:] == ["1", "True"] for words in seen)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are asked after their parent there")
def test_a_run_ends_with_the_process_that_started_it(folders, tmp_path):
    # the worker's own code, in a process whose parent is killed without a chance to say so
    child = "import os, sys, time, threading; from rexd.benchmark import worker; worker.PARENT_EVERY = 0.05; " \
        "threading.Thread(target=worker.follow, args=(int(sys.argv[1]),), daemon=True).start(); " \
        "print(os.getpid(), flush=True); time.sleep(60)"  # fmt: skip
    parent = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, str(os.getpid())])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and not _zombie(pid):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def _zombie(pid):
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_two_processes_do_not_do_the_same_run(folders, monkeypatch):
    from rexd.benchmark import worker
    from rexd.errors import RexdError
    from rexd.locks import locked

    monkeypatch.setattr(worker, "follow", lambda parent: None)
    job = folders.job(RUNS[0])
    worker.write_job(job, RUNS[0], folders, core=None)
    with locked(folders.lock(RUNS[0]), "it"), pytest.raises(RexdError, match="is in use by another process"):
        worker.main([str(job)])


def test_states_after_all(folders):
    body = "from rexd.benchmark.runs import RunSpec; finish(1.0, settings=RunSpec.from_dict(run).settings)"
    run_all(RUNS[:1], folders, jobs=1, watch=Seen(), command=fake(body))
    assert state_of(RUNS[0], folders) == "done"
