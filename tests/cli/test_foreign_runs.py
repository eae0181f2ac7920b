"""No verb imports the module that a run folder or demonstrations name, unless the user names or trusts it."""

import json
import shutil
import sys
from dataclasses import replace

import pytest
from finished_run import finished_run
from line_task import make_demonstrations

from rexd.benchmark.runs import Folders, expand
from rexd.benchmark.suite import load_suite
from rexd.cli import VERBS
from rexd.reading.formats.rexd_npz import save_demonstrations

ROOM = "rexd_hostile_room"
NAMED = {
    "a class": {"env": "Room", "env_reference": f"{ROOM}:Room"},
    "an id": {"env": f"{ROOM}:Room-v0", "env_reference": None},
    "a class with arguments": {"env": "Room", "env_reference": f"{ROOM}:Room", "env_kwargs": {"env": f"{ROOM}:Room"}},
    "a module alone": {"env": "Room", "env_reference": ROOM},
}
REWARD, POLICY = "run/reward.safetensors", "run/policy.safetensors"
COMMANDS = {
    "inspect": ["d.npz", "run"],
    "convert": ["d.npz out.npz", "run out.npz"],
    "fit": ["d.npz -o r.safetensors --updates 5"],
    "diagnose": [f"{REWARD} d.npz", "run d.npz"],
    "score": [f"{REWARD} d.npz", "run d.npz"],
    "relabel": [f"{REWARD} d.npz -o copy.npz"],
    "train": ["d.npz --out new", "d.npz --out run --resume"],
    "evaluate": ["run", POLICY],
    "collect": ["--policy run", f"--policy {POLICY}"],
    "report": ["run -o a.html", "run d.npz -o b.html", f"{REWARD} d.npz -o c.html", "run run -o e.html"],
    "card": ["run"],
    "export": ["run --onnx p.onnx", "run --what reward --onnx r.onnx"],
    "benchmark": ["quick --runs bench --out bench --dry-run", "quick --runs bench --out bench --report"],
}
WORK = {"fit", "score", "relabel", "report", "card", "export"}  # their first commands need no environment, and succeed


def test_every_verb_is_tried():
    assert {*COMMANDS, "demo"} == {*VERBS}  # demo reads nothing of the user's


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module that leaves a mark when it is imported; Python finds it, as with ``python -m rexd``."""
    (tmp_path / f"{ROOM}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop(ROOM, None)


@pytest.mark.slow
@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("verb", COMMANDS)
def test_nothing_is_imported(rexd, folder, verb, named):
    run = finished_run(folder / "run", **NAMED[named])
    save_demonstrations(replace(make_demonstrations(), env_id=f"{ROOM}:Room-v0"), folder / "d.npz")
    results = Folders(folder / "bench", folder / "bench", None)
    for place in map(results.run, expand(load_suite("quick"))):
        place.mkdir(parents=True)
        shutil.copy(run.path / "config.json", place)
    for number, words in enumerate(COMMANDS[verb]):
        result = rexd(verb, *words.split())
        assert "Traceback" not in result.err
        assert result.status == 0 or number or verb not in WORK, result.err
        assert result.status in (0, 1, 2, 3)
    assert ROOM not in sys.modules
    assert not (folder / "imported").exists()
    assert json.loads((run.path / "config.json").read_text())["env"] == NAMED[named]["env"]


def test_the_module_would_leave_its_mark(rexd, folder):
    finished_run(folder / "run", **NAMED["a class"])
    assert rexd("evaluate", "run", "--trust").status == 2  # the module has no such class
    assert (folder / "imported").exists()
