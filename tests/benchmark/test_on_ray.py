"""What comes back from a worker of a cluster becomes the files that a local run would have left."""

import json

from suites import result, suite

from rexd.benchmark.on_ray import _Came, _take
from rexd.benchmark.runs import Folders, State, expand, state_of
from rexd.benchmark.schedule import Phase, RunProgress


def test_a_result_is_taken_and_an_earlier_crash_forgotten(tmp_path):
    folders, run = Folders(tmp_path / "results", tmp_path / "runs"), expand(suite())[0]
    lost = RunProgress(run)
    _take(lost, folders, _Came(-9, b"half a line", {}, None))
    assert (lost.phase, lost.error) == (Phase.CRASHED, "killed by signal 9")
    assert folders.crash(run).is_file()
    item = RunProgress(run)
    made = json.dumps({**result(run, 5.0), "settings": run.settings})
    _take(item, folders, _Came(0, b"", {"evaluation.json": b"{}", "metrics.jsonl": b""}, made))
    assert (item.phase, item.result["return_mean"]) == (Phase.DONE, 5.0)
    assert state_of(run, folders) is State.DONE
    assert not folders.crash(run).exists()
    assert (folders.run(run) / "evaluation.json").read_text() == "{}"


def test_a_process_that_wrote_no_result_has_crashed(tmp_path):
    folders, item = Folders(tmp_path / "results", tmp_path / "runs"), RunProgress(expand(suite())[0])
    _take(item, folders, _Came(0, b"all is well\n", {}, None))
    assert (item.phase, item.error) == (Phase.CRASHED, "no result was written: all is well")
