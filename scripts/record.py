"""Record what rexd computes, so that a change of its structure can be shown to change no number.

    python scripts/record.py before.json --data DATA      # before the change
    python scripts/record.py after.json --data DATA       # after it
    python scripts/record.py after.json --against before.json

Every entry is a hash of arrays or of a document: rewards fitted by ``RED``, rewards of ``rexd.ding``, the checkpoint
that each learner writes, and what ``rexd inspect --json`` says of every file below DATA, where it is given. Texts for
people are hashed apart from the numbers in them, since prose may change where a figure must not.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import pickle
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

import rexd
from rexd.cli import main

Entries = Iterator[tuple[str, Callable[[], Any]]]

SMALL_RUN = {"steps": 600, "actor_starts": 100, "actor_ramp": 100, "warm_start": 100, "evaluate_every": 200}
LEARNERS: dict[str, dict[str, Any]] = {
    "sbx-sac": {"algorithm": "sbx-sac"},
    "sb3-sac": {"algorithm": "sb3-sac"},
    "sb3-ppo": {"algorithm": "sb3-ppo"},
    "adversarial": {"reward_source": "adversarial"},
    "constant": {"reward_source": "constant"},
    "env": {"reward_source": "env"},
    "ensemble": {"ensemble": 3},
}


def digest(value: Any) -> str:
    """A hash of nested arrays, tensors and plain values, names and dtypes included."""
    found = hashlib.sha256()
    _feed(found, value)
    return found.hexdigest()[:16]


def _feed(found: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        for name in sorted(value):
            found.update(name.encode())
            _feed(found, value[name])
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(found, item)
    else:
        found.update(repr(value).encode())


def without_words(value: Any) -> Any:
    """A JSON document with every text of more than one word reduced to the numbers in it."""
    if isinstance(value, dict):
        return {name: without_words(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_words(item) for item in value]
    if isinstance(value, str) and " " in value:
        return re.findall(r"\d+(?:\.\d+)?", value)
    return value


def fits(data: Path | None) -> Entries:
    """Rewards of RED on the bundled demonstrations and on two shared files."""
    sources = {f"bundled {name}": (lambda name=name: _bundled(name)) for name in ("HalfCheetah-v5", "Pendulum-v1")}
    if data is not None:
        sources["Hopper-v2.pkl"] = lambda: _loaded(data / "red/Hopper-v2.pkl", "Hopper-v5", 20)
        sources["cartpole_0_final.npz"] = lambda: _loaded(data / "imitation/cartpole_0_final.npz", "CartPole-v1", 1)
    for name, load in sources.items():
        for inputs in ("state-action", "state", "state-next-state"):
            yield f"fit {name} {inputs}", lambda load=load, inputs=inputs: _fit(load(), inputs=inputs)
    yield "fit paper", lambda: _fit(_bundled("HalfCheetah-v5"), **_paper())
    yield "fit rational", lambda: _fit(_bundled("Pendulum-v1"), shape="rational", clock=False)


def _bundled(name: str) -> Any:
    return rexd.bundled_demonstrations(name).subsample(5, seed=0)


def _loaded(path: Path, env: str, every: int) -> Any:
    demos = rexd.load_demonstrations(path, env=env)
    return demos.subsample(every, seed=0) if every > 1 else demos


def _paper() -> dict[str, Any]:
    return {"recipe": "paper", "shape": "exponential", "sigma": 25_000.0, "clock": False, "updates": 50}


def _fit(demos: Any, **settings: Any) -> list[Any]:
    velocities = range(demos.obs_dim // 2, demos.obs_dim)
    model = rexd.RED(seed=0, **settings).fit(demos, velocity_columns=velocities)
    rows = demos.transitions()
    with tempfile.TemporaryDirectory() as folder:
        saved = load_file(model.save(Path(folder) / "reward.safetensors"))
        again = rexd.load_reward(Path(folder) / "reward.safetensors")
    return [
        saved,
        model.predict(rows.obs, rows.act, rows.next_obs, rows.step if model.clock else None),
        again.predict(rows.obs[::-1], rows.act[::-1], rows.next_obs[::-1]),
        model.sigma_,
        asdict(model.calibration_),
        [(check.name, check.reward, check.novelty, check.rows) for check in model.checks_],
    ]


def dings() -> Entries:
    """Rewards through DI-engine's interface, by its own networks and by rexd's."""
    for kind in ("red", "rexd"):
        for discrete in (False, True):
            yield f"ding {kind} {'discrete' if discrete else 'continuous'}", lambda k=kind, d=discrete: _ding(k, d)


def _ding(kind: str, discrete: bool) -> list[Any]:
    from rexd.ding import create_reward_model

    rng = np.random.default_rng(0)
    obs = rng.normal(size=(300, 5)).astype(np.float32)
    act = obs[:, :3].argmax(axis=1) if discrete else np.tanh(obs[:, :2])
    rows = [
        {"obs": o, "action": a, "next_obs": o + 0.1, "reward": np.zeros(1, np.float32), "done": np.array(k % 50 == 49)}
        for k, (o, a) in enumerate(zip(obs, act, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expert_data.pkl"
        path.write_bytes(pickle.dumps(rows))
        model = create_reward_model({"type": kind, "expert_data_path": str(path)}, "cpu", None)
        model.train()
        model.collect_data(rows[:10])
        model.clear_data()
        estimated = model.estimate({"obs": obs[::-1].copy(), "action": act[::-1].copy()})
    return [estimated["reward"], model.train_iter]


def runs(data: Path | None) -> Entries:
    """What each learner has in its checkpoint, and what its run reported."""
    for task in ("Pendulum-v1", "HalfCheetah-v5"):
        for name, settings in LEARNERS.items():
            yield f"run {task} {name}", lambda task=task, s=settings: _run(_bundled(task), task, **SMALL_RUN, **s)
    lander = "LunarLanderContinuous-v3"
    absorbing = {**SMALL_RUN, "absorbing": True}
    yield f"run {lander} absorbing", lambda: _run(_bundled(lander), lander, **absorbing)
    if data is not None:
        path = data / "red/Hopper-v2.pkl"
        yield "run Hopper-v5 default", lambda: _run(_loaded(path, "Hopper-v5", 20), "Hopper-v5", steps=5000)


def _run(demos: Any, env: str, **settings: Any) -> list[Any]:
    given = None if settings.get("reward_source") == "env" else demos
    with tempfile.TemporaryDirectory() as folder:
        run = rexd.train(given, env=env, out=Path(folder) / "run", seed=0, **settings)
        saved = load_file(run.path / "checkpoint.safetensors")
        checkpoint = {name: array for name, array in saved.items() if not name.startswith("resume.")}
        metrics = [{k: v for k, v in record.items() if k != "seconds"} for record in run.metrics()]
        told = ("seconds", "clone", "demonstrations", "zips")  # the time, what it is compared with, and hashes of files
        result = {k: v for k, v in (run.evaluation or {}).items() if k not in told}
        return [checkpoint, run.policy().tensors(), metrics, result]


def inspections(data: Path | None) -> Entries:
    """What ``rexd inspect --json`` says of every file: once as it is, once with the numbers alone."""
    if data is None:
        return
    pairs = {
        "red/Hopper-v2.pkl": "Hopper-v5",
        "red/Reacher-v2.pkl": "Reacher-v5",
        "red/HalfCheetah-v2.pkl": "HalfCheetah-v5",
    }
    with contextlib.chdir(data):
        files = sorted(str(path) for path in Path().rglob("*") if path.suffix in (".pkl", ".npz", ".csv", ".pickle"))
    for words in [[file] for file in files] + [[file, "--env", env] for file, env in pairs.items()]:
        name = f"inspect {' '.join(words)}"
        yield name, lambda words=words: without_words(_inspect(data, words))
        yield f"{name}, in words", lambda words=words: _inspect(data, words)


def _inspect(data: Path, words: list[str]) -> Any:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(data), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["inspect", *words, "--json"])
    text = out.getvalue()
    return [status, json.loads(text) if text else err.getvalue()]


def compare(before: dict[str, str], after: dict[str, str]) -> int:
    """Print what differs; the exit status."""
    different = [name for name in before if name in after and before[name] != after[name]]
    missing = sorted(before.keys() ^ after.keys())
    for name in different:
        print(f"differs  {name}")
    for name in missing:
        print(f"in one   {name}")
    print(
        f"{len(before.keys() & after.keys()) - len(different)} the same, {len(different)} differ, {len(missing)} in one"
    )
    return 1 if different or missing else 0


def record(path: Path, data: Path | None, only: str) -> None:
    """Compute every entry, and write the file anew after each."""
    found: dict[str, str] = {}
    for entries in (fits(data), dings(), inspections(data), runs(data)):
        for name, compute in entries:
            if only not in name:
                continue
            started = time.monotonic()
            found[name] = digest(compute())
            print(f"{found[name]}  {name}  {time.monotonic() - started:.1f} s", file=sys.stderr)
            path.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", type=Path, help="folder of demonstrations that rexd does not ship")
    parser.add_argument("--only", default="", help="entries whose name has this in it")
    parser.add_argument("--against", type=Path, help="compare FILE with this one, and compute nothing")
    given = parser.parse_args()
    if given.against is not None:
        sys.exit(compare(json.loads(given.against.read_text()), json.loads(given.file.read_text())))
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: sums may differ in their last bits between two records", file=sys.stderr)
    record(given.file.resolve(), None if given.data is None else given.data.resolve(), given.only)
