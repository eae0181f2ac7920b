"""A small suite, results of it, and processes that take the place of training."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from rexd.benchmark.runs import Folders, RunSpec
from rexd.benchmark.suite import Suite, parse_suite

TASK = {
    "env": "Pendulum-v1",
    "demonstrations": "bundled",
    "steps": 400,
    "demonstrations_return": 100.0,
    "random_return": 0.0,
}


def content(**changes: Any) -> dict[str, Any]:
    """The content of a suite's TOML file."""
    return {
        "about": "for tests",
        "seeds": [0, 1],
        "tasks": {"A": dict(TASK), "B": {**TASK, "demonstrations": "b.npz", "target": 90.0}},
        "regimes": {"4x5": {"trajectories": 4, "subsample": 5}, "1x1": {"trajectories": 1}},
        "methods": {
            "ours": {"about": "the default"},
            "env": {
                "settings": {"reward_source": "env"},
                "seeds": [0],
                "regimes": ["4x5"],
                "steps": 800,
                "tasks": {"B": {"steps": 900}},
            },
            "bc": {"kind": "cloning", "regimes": ["4x5"]},
        },
    } | changes


def suite(**changes: Any) -> Suite:
    return parse_suite(content(**changes), name="tiny", where="tiny.toml")


def result(run: RunSpec, value: float, **changes: Any) -> dict[str, Any]:
    """A result with the keys of ``execute`` that are read anywhere."""
    curve = [
        {"steps": steps, "seconds": steps / 10, "true_return": value * share, "learned_return": share}
        for steps, share in ((run.steps // 2, 0.5), (run.steps, 1.0))
    ]
    return {
        "task": run.task.name,
        "regime": run.regime.name,
        "method": run.method.name,
        "seed": run.seed,
        "steps": run.steps,
        "seconds": 60.0,
        "return_mean": value,
        "return_std": 1.0,
        "settings": run.settings,
        **({"curve": curve} if run.steps else {}),
    } | changes


def save(folders: Folders, run: RunSpec, value: float, **changes: Any) -> Path:
    path = folders.result(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result(run, value, **changes)))
    return path


_FAKE = """
import json, os, pathlib, sys, time
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
run, folders = job["run"], job["folders"]
name = f"{run['regime']['name']}/{run['task']['name']}-{run['method']['name']}-seed{run['seed']}"
folder = pathlib.Path(folders["runs"]) / run["suite"] / name
folder.mkdir(parents=True, exist_ok=True)

def evaluated(steps):
    with open(folder / "metrics.jsonl", "a") as stream:
        stream.write(json.dumps({"steps": steps, "seconds": steps / 100, "learned_return": 1.5, "true_return": 2.0}))
        stream.write("\\n")

def finish(value, **more):
    path = pathlib.Path(folders["results"]) / run["suite"] / (name + ".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        "task": run["task"]["name"], "regime": run["regime"]["name"], "method": run["method"]["name"],
        "seed": run["seed"], "steps": run["steps"], "seconds": 1.0, "return_mean": value, "return_std": 0.0, **more}))

"""


def fake(body: str) -> Any:
    """A command whose process runs ``body``, which may use the names that ``_FAKE`` defines."""
    code = _FAKE + textwrap.dedent(body)
    return lambda job: [sys.executable, "-c", code, str(job)]
