"""What relabelling costs for each transition, in time and memory, here and on Ray, beside a copy and bare ``predict``.

``python benchmarks/scale.py`` generates 10⁵, 10⁶ and 10⁷ Hopper-like transitions as a D4RL file and as Parquet in a
temporary folder, and measures

- the stages of the work alone, in processor time,
- ``rexd relabel`` in processes of its own, with 1 and 2 threads and on Ray with 1 and 2 workers,
- ``rexd relabel`` with all cores and, in turns with it, the same copy by h5py or pyarrow with one bare ``predict``.

Each measurement is written to benchmarks/results/scale/scale.json as soon as it is made, and the same command goes on
with those that are missing; remove the file to begin anew. ``--sizes 100000`` takes minutes; 10⁷ rows need 6 GB of
disk, and hours of one core. ``--page`` measures nothing, and writes the tables of docs/scaling.md. Where other programs
use the machine, processor seconds are what compares.
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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from rexd.benchmark.machine import machine
from rexd.cluster import cores
from rexd.files import write_json
from rexd.relabel.datasets.open import open_dataset
from rexd.relabel.shards import SHARD_ROWS, read_rows, score, span_of
from rexd.reward.files import load_reward
from rexd.reward.rows import Rows
from rexd.rl.training.provenance import versions

from measuring import processor_seconds
from scale_bare import copy
from scale_data import WRITERS, fitted_reward, size_of
from scale_page import compared, write_page

SIZES = (10**5, 10**6, 10**7)
TURNS = 3
LONG = 10**7  # from so many transitions on, one turn has to do
OUT = Path(__file__).parent / "results" / "scale" / "scale.json"
BARE = Path(__file__).parent / "scale_bare.py"
WAYS = {
    "1 thread": ("--jobs", "1"),
    "2 threads": ("--jobs", "2"),
    "Ray, 1 worker": ("--jobs", "1", "--ray"),
    "Ray, 2 workers": ("--jobs", "2", "--ray"),
}


class Results:
    """The file of what was measured, which a later start goes on with."""

    def __init__(self, path: Path) -> None:
        """Read what an earlier start has measured."""
        self._path = path
        about = {"machine": machine(), "cores_used": cores(), "versions": versions()}
        self._content: dict[str, Any] = {**about, "sizes": {}}
        if path.is_file():
            self._content = json.loads(path.read_text())
            if differ := [name for name in about if self._content.get(name) != about[name]]:
                raise SystemExit(f"{path}: its {', '.join(differ)} differ from this start's; remove it, or give --out")

    def of(self, rows: int) -> dict[str, Any]:
        """Return what is known of a size."""
        found: dict[str, Any] = self._content["sizes"].setdefault(str(rows), {})
        return found

    def measure(self, known: dict[str, Any], name: str, work: Callable[[], Any]) -> None:
        """Measure something and write it, unless it is known."""
        if name in known:
            return
        known[name] = work()
        print(f"{name}: {known[name]}", flush=True)
        write_json(self._path, self._content | {"date": date.today().isoformat()})


def measured(words: list[str]) -> dict[str, Any]:
    """Run Python with some words; its wall-clock and processor seconds and the peak of its resident memory.

    On Ray the workers are processes beside it: all of its children count, each at its own peak.
    """
    begun, peaks, spent = time.perf_counter(), dict[int, float](), dict[int, float]()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
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


def relabelled(reward: Path, source: Path, folder: Path, *options: str) -> dict[str, Any]:
    """Relabel a dataset once, and look at what came out."""
    out = folder / f"out{source.suffix}"
    found = measured(["-m", "rexd", "relabel", str(reward), str(source), "-o", str(out), "--json", *options])
    manifest = out / "manifest.json" if out.is_dir() else out.with_name(f"{out.name}.manifest.json")
    listed = "".join(shard["sha256"] for shard in json.loads(manifest.read_text())["shards"].values())
    found["rewards"] = hashlib.sha256(listed.encode()).hexdigest()[:16]
    clear(folder, "out*")
    return found


def turn(reward: Path, source: Path, folder: Path) -> dict[str, Any]:
    """Do the bare copy and the relabelling once each."""
    bare = measured([str(BARE), str(reward), str(source), str(folder / f"copy{source.suffix}")])
    clear(folder, "copy*")
    return {"bare": bare, "relabel": relabelled(reward, source, folder)}


def clear(folder: Path, *patterns: str) -> None:
    """Remove what was made."""
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def stages(reward: Path, source: Path, folder: Path) -> dict[str, Any]:
    """The processor's microseconds for each transition, in one thread of this process; the best of three turns.

    With tiny networks, what is left is nearly all that threads may have to wait for one another with: the interpreter.
    """
    tiny = load_reward(
        fitted_reward(folder / "tiny.safetensors", target_layers=(4,), predictor_layers=(4,), outputs=2, folds=2)
    )
    model, dataset = load_reward(reward), open_dataset(str(source), folder)
    rows = dataset.demos.n_transitions
    shards = range(min(2, -(-rows // SHARD_ROWS)))
    count = sum(span_of(n, rows)[1] - span_of(n, rows)[0] for n in shards)
    read = [Rows.of_transitions(read_rows(dataset.demos, *span_of(n, rows))) for n in shards]
    encoder = model.fitted_.encoder
    target = folder / f"written{source.suffix}"

    class Zeros:
        def rows(self, start: int, stop: int) -> np.ndarray:
            return np.zeros(stop - start, np.float32)

    def write() -> None:
        for number, file in enumerate(dataset.files):
            dataset.write(file, target.with_stem(f"written-{number}"), Zeros())

    def bare_copy() -> None:
        clear(folder, "copy")
        copy(lambda obs, *_: np.zeros(len(obs), np.float32), source, folder / "copy")

    works: dict[str, tuple[Callable[[], Any], int]] = {
        "open": (lambda: open_dataset(str(source), folder), rows),
        "read": (lambda: [read_rows(dataset.demos, *span_of(n, rows)) for n in shards], count),
        "standardise": (lambda: [encoder.standardise(encoder.raw(part)) for part in read], count),
        "read, standardise and score": (lambda: [score(model, dataset.demos, n) for n in shards], count),
        "the same with tiny networks": (lambda: [score(tiny, dataset.demos, n) for n in shards], count),
        "write": (write, rows),
        "bare predict": (lambda: [model.predict(part.obs, part.act, None, part.step) for part in read], count),
        "bare copy": (bare_copy, rows),
    }
    found = {
        name: round(1e6 * min(processor_seconds(work) for _ in range(TURNS)) / per, 3)
        for name, (work, per) in works.items()
    }
    clear(folder, "written-*", "copy")
    return found


def measure_size(rows: int, results: Results, reward: Path, folder: Path) -> None:
    """Measure all that is missing of a size."""
    known = results.of(rows)
    for name, (place, write) in WRITERS.items():
        source, found = folder / place, known.setdefault(name, {})
        write(source, rows)
        results.measure(found, "bytes", partial(size_of, source))
        results.measure(found, "stages_us", partial(stages, reward, source, folder))
        for way, options in WAYS.items() if name == "hdf5" else ():
            results.measure(
                found, way, lambda source=source, options=options: relabelled(reward, source, folder, *options)
            )
        turns = found.setdefault("turns", {})
        for number in range(1 if rows >= LONG else TURNS):
            results.measure(turns, str(number), partial(turn, reward, source, folder))
        results.measure(found, "ratio", partial(compared, turns))
        clear(folder, place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="TRANSITIONS")
    parser.add_argument("--folder", help="where to put the files; the system's temporary folder otherwise")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--page", action="store_true", help="write the tables of docs/scaling.md from what is measured")
    given = parser.parse_args()
    if given.page:
        write_page(given.out)
        return
    torch.set_num_threads(1)
    results = Results(given.out)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        reward = fitted_reward(folder / "reward.safetensors")
        for rows in given.sizes:
            print(f"{rows:,} transitions", flush=True)
            measure_size(rows, results, reward, folder)


if __name__ == "__main__":
    main()
