"""What relabelling costs for each transition, in time and memory, here and on Ray, beside a copy and bare ``predict``.

``python benchmarks/scale.py`` generates D4RL files of 10⁵ and 10⁶ Hopper-like transitions in a temporary folder, runs
``rexd relabel`` on them in processes of its own (with 1 and 2 threads, and on Ray with 1 and 2 workers), measures the
stages alone, and writes benchmarks/results/scale/scale.json. Processor seconds are what is compared, as wall-clock
seconds depend on who else uses the machine. ``--transitions 10000000`` needs 6 GB of disk and half an hour of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import torch

from rexd.benchmark.machine import machine
from rexd.cluster import cores
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.files import write_json
from rexd.relabel.datasets.open import open_dataset
from rexd.relabel.shards import SHARD_ROWS, read_rows, score, span_of
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED
from rexd.rl.training.provenance import versions

EPISODE, OBSERVATIONS, ACTIONS = 1000, 11, 3  # Hopper's
BLOCK = 100_000
OUT = Path(__file__).parent / "results" / "scale" / "scale.json"


def generate(path: Path, rows: int) -> None:
    """Write a D4RL file of noise in episodes of 1000 steps, block by block."""
    rng = np.random.default_rng(0)
    columns = {"observations": OBSERVATIONS, "next_observations": OBSERVATIONS, "actions": ACTIONS}
    with h5py.File(path, "w") as file:
        for name, width in columns.items():
            file.create_dataset(name, (rows, width), np.float32)
        for name, dtype in (("rewards", np.float32), ("terminals", bool), ("timeouts", bool)):
            file.create_dataset(name, (rows,), dtype)
        for start in range(0, rows, BLOCK):
            block = slice(start, min(start + BLOCK, rows))
            count = block.stop - start
            obs = rng.standard_normal((count + 1, OBSERVATIONS), np.float32)
            file["observations"][block], file["next_observations"][block] = obs[:-1], obs[1:]
            file["actions"][block] = rng.uniform(-1, 1, (count, ACTIONS))
            file["timeouts"][block] = np.arange(start, block.stop) % EPISODE == EPISODE - 1


def fitted_reward(path: Path, **settings: Any) -> Path:
    """Save a reward, of the default size without settings; how well it is fitted does not change what it costs."""
    rng = np.random.default_rng(1)
    episodes = [
        Trajectory.from_steps(
            rng.standard_normal((201, OBSERVATIONS), np.float32),
            rng.uniform(-1, 1, (200, ACTIONS)).astype(np.float32),
        )
        for _ in range(4)
    ]
    return RED(updates=100, **settings).fit(Demonstrations(tuple(episodes))).save(path)


def measured(words: list[str]) -> dict[str, Any]:
    """Run a command; its wall-clock and processor seconds and the peak of its resident memory.

    On Ray the workers are processes beside it: all of its children count, each at its own peak.
    """
    begun, peaks, spent = time.perf_counter(), dict[int, float](), dict[int, float]()
    process = subprocess.Popen(
        [sys.executable, "-m", "rexd", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    watched = psutil.Process(process.pid)
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read() if process.stderr else b""))
    reader.start()
    while process.poll() is None:
        try:
            for each in (watched, *watched.children(recursive=True)):
                used = each.cpu_times()
                spent[each.pid] = used.user + used.system
                peaks[each.pid] = max(peaks.get(each.pid, 0.0), each.memory_info().rss / 1e6)
        except psutil.Error:
            pass
        time.sleep(0.1)
    reader.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} failed: {said[0].decode()}")
    return {
        "wall_seconds": round(time.perf_counter() - begun, 2),
        "processor_seconds": round(sum(spent.values()), 2),
        "peak_mb": round(peaks[process.pid]),
        "load": round(os.getloadavg()[0], 1),
        "children_peak_mb": round(sum(peak for pid, peak in peaks.items() if pid != process.pid)),
    }


def relabelled(name: str, reward: Path, source: Path, folder: Path, *options: str) -> dict[str, Any]:
    """Relabel a file once, and look at what came out."""
    out = folder / "out.hdf5"
    found = {"how": name, **measured(["relabel", str(reward), str(source), "-o", str(out), "--json", *options])}
    manifest = json.loads(out.with_name("out.hdf5.manifest.json").read_text())
    listed = "".join(shard["sha256"] for shard in manifest["shards"].values())
    found["rewards"] = hashlib.sha256(listed.encode()).hexdigest()[:16]
    out.unlink()
    out.with_name("out.hdf5.manifest.json").unlink()
    print(found, flush=True)
    return found


def processor_and_wall(work: Callable[[], Any]) -> dict[str, float]:
    """Run something in this process; its seconds."""
    wall, spent = time.perf_counter(), time.process_time()
    work()
    return {
        "wall_seconds": round(time.perf_counter() - wall, 3),
        "processor_seconds": round(time.process_time() - spent, 3),
    }


def bare(reward: Path, source: Path, folder: Path) -> dict[str, Any]:
    """What there is to compare with: a copy by h5py with a column more, and ``predict`` of all rows in one thread."""
    out, model = folder / "copy.hdf5", load_reward(reward)

    def copy() -> None:
        with h5py.File(source) as old, h5py.File(out, "w") as new:
            for name in old:
                old.copy(name, new)
            old.copy("rewards", new, name="environment_reward")

    with h5py.File(source) as file:
        rows = len(file["rewards"])
        count = min(rows, 2 * SHARD_ROWS)
        obs, act = file["observations"][:count], file["actions"][:count]
    step = np.arange(count) % EPISODE
    found = {
        "copy": processor_and_wall(copy),
        "predict": processor_and_wall(lambda: model.predict(obs, act, None, step)),
    }
    found["predict"] |= {"transitions": count}
    out.unlink()
    return found


def stages(reward: Path, source: Path, folder: Path) -> dict[str, Any]:
    """The processor's microseconds for each transition: to read and check, to standardise, to score, and to write.

    With tiny networks, what is left is nearly all that threads may have to wait for one another with: the interpreter.
    """
    tiny = load_reward(
        fitted_reward(folder / "tiny.safetensors", target_layers=(4,), predictor_layers=(4,), outputs=2, folds=2)
    )
    model, dataset = load_reward(reward), open_dataset(str(source), folder)
    rows = dataset.demos.n_transitions
    shards = range(min(2, -(-rows // SHARD_ROWS)))
    count = sum(span_of(n, rows)[1] - span_of(n, rows)[0] for n in shards)
    read = [read_rows(dataset.demos, *span_of(n, rows)) for n in shards]
    encoder = model.fitted_.encoder

    def standardise() -> None:
        from rexd.reward.rows import Rows

        for part in read:
            encoder.standardise(encoder.raw(Rows.of_transitions(part)))

    class Zeros:
        def rows(self, start: int, stop: int) -> np.ndarray:
            return np.zeros(stop - start, np.float32)

    target = folder / "written.hdf5"
    made = {
        "open": (processor_and_wall(lambda: open_dataset(str(source), folder)), rows),
        "read": (processor_and_wall(lambda: [read_rows(dataset.demos, *span_of(n, rows)) for n in shards]), count),
        "standardise": (processor_and_wall(standardise), count),
        "read, standardise and score": (
            processor_and_wall(lambda: [score(model, dataset.demos, n) for n in shards]),
            count,
        ),
        "the same with tiny networks": (
            processor_and_wall(lambda: [score(tiny, dataset.demos, n) for n in shards]),
            count,
        ),
        "write": (processor_and_wall(lambda: dataset.write(dataset.files[0], target, Zeros())), rows),
    }
    target.unlink()
    return {name: round(1e6 * seconds["processor_seconds"] / per, 3) for name, (seconds, per) in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transitions", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", help="where to put the files; the system's temporary folder otherwise")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--without-ray", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ways = [("1 thread", "--jobs", "1"), ("2 threads", "--jobs", "2")]
    if not given.without_ray:
        ways += [("Ray, 1 worker", "--jobs", "1", "--ray"), ("Ray, 2 workers", "--jobs", "2", "--ray")]
    made: dict[str, Any] = {
        "machine": machine(),
        "cores_used": cores(),
        "versions": versions(),
        "date": date.today().isoformat(),
        "sizes": [],
    }
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        reward = fitted_reward(folder / "reward.safetensors")
        for rows in given.transitions:
            source = folder / "data.hdf5"
            generate(source, rows)
            print(f"{rows:,} transitions, {source.stat().st_size / 1e6:,.0f} MB", flush=True)
            size: dict[str, Any] = {"transitions": rows, "bytes": source.stat().st_size}
            size["stages_us"] = stages(reward, source, folder)
            size["bare"] = bare(reward, source, folder)
            print(size, flush=True)
            size["relabel"] = []
            made["sizes"].append(size)
            for way in ways:
                size["relabel"].append(relabelled(way[0], reward, source, folder, *way[1:]))
                write_json(given.out, made)
            source.unlink()
        shutil.rmtree(folder / "out.hdf5.parts", ignore_errors=True)


if __name__ == "__main__":
    main()
