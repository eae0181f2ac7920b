"""How much memory inspecting, converting and fitting takes on files of 20 million transitions (about 2 GB each).

``python benchmarks/streaming.py`` makes a D4RL file and a Minari dataset in a temporary folder, runs each command in a
process of its own, and prints its peak of resident memory and its seconds; the files are deleted afterwards. It needs
three times the size of a file of free space. ``--transitions 1000000`` is a quick look.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

LENGTH, OBSERVATIONS, ACTIONS = 1000, 17, 6
LIMIT = 1e9  # bytes


RNG = np.random.default_rng(0)
STATES = RNG.standard_normal((LENGTH, OBSERVATIONS), np.float32)
DRIVE = RNG.uniform(-0.5, 0.5, (LENGTH, ACTIONS)).astype(np.float32)


def rows(number: int) -> dict[str, np.ndarray]:
    """One trajectory of noise, shifted so that no two are alike, as float32: 98 bytes a transition."""
    return {
        "observations": np.roll(STATES, number, axis=0) + np.float32(number * 1e-4),
        "actions": DRIVE + np.float32(number * 1e-5),
        "rewards": STATES[:, 0] + np.float32(number * 1e-4),
        "terminals": np.zeros(LENGTH, bool),
        "timeouts": np.arange(LENGTH) == LENGTH - 1,
    }


def write_d4rl(path: Path, count: int) -> None:
    with h5py.File(path, "w") as file:
        for number in range(count):
            for name, values in rows(number).items():
                if not number:
                    file.create_dataset(name, (count * LENGTH, *values.shape[1:]), values.dtype)
                file[name][number * LENGTH : (number + 1) * LENGTH] = values


def write_minari(folder: Path, count: int) -> None:
    data = folder / "data"
    data.mkdir(parents=True)
    with h5py.File(data / "main_data.hdf5", "w") as file:
        for number in range(count):
            made, group = rows(number), file.create_group(f"episode_{number}")
            group["observations"] = np.concatenate([made["observations"], made["observations"][-1:]])
            group["actions"], group["rewards"] = made["actions"], made["rewards"]
            group["terminations"], group["truncations"] = made["terminals"], made["timeouts"]

    def box(columns: int) -> str:
        low, high = [-1.0] * columns, [1.0] * columns
        return json.dumps({"type": "Box", "dtype": "float32", "shape": [columns], "low": low, "high": high})

    metadata = {
        "minari_version": "0.5.2",
        "data_format": "hdf5",
        "total_episodes": count,
        "total_steps": count * LENGTH,
        "observation_space": box(OBSERVATIONS),
        "action_space": box(ACTIONS),
    }
    (data / "metadata.json").write_text(json.dumps(metadata))


def measure(name: str, *arguments: object) -> dict[str, object]:
    """The peak memory and the time of one command."""
    begun = time.perf_counter()
    words = [sys.executable, "-m", "rexd", *map(str, arguments), "--json"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 2) or "rexd: error" in said.lower() or "Traceback" in said:
        raise SystemExit(f"{name} failed: {said}")
    found = {"command": name, "seconds": round(time.perf_counter() - begun), "peak_mb": usage.ru_maxrss * 1024 // 10**6}
    print(f"{name:42} {found['peak_mb']:>6} MB {found['seconds']:>6} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transitions", type=int, default=20_000_000)
    parser.add_argument("--layouts", nargs="+", choices=["D4RL", "Minari"], default=["D4RL", "Minari"])
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--folder", help="where to put the files; the system's temporary folder otherwise")
    given = parser.parse_args()
    count = given.transitions // LENGTH
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        folder = Path(made)
        files = {"D4RL": folder / "demos.hdf5", "Minari": folder / "demos-v0"}
        files = {layout: files[layout] for layout in given.layouts}
        for layout, path in files.items():
            (write_d4rl if layout == "D4RL" else write_minari)(path, count)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // len(files)
        print(f"{count:,} trajectories, {given.transitions:,} transitions, {size / 1e9:.2f} GB each")
        found = [measure("import", "--version")]
        reward = folder / "reward.safetensors"
        few = ("--trajectories", 4, "--subsample", 20)
        for name, file in files.items():
            found.append(measure(f"inspect {name}", "inspect", file))
            found.append(measure(f"fit {name}", "fit", file, "-o", reward))
            found.append(measure(f"fit {name} --trajectories 4 --subsample 20", "fit", file, "-o", reward, *few))
        for name, other, output in (("D4RL", "Minari", "out-v0"), ("Minari", "D4RL", "out.hdf5")):
            if name not in files:
                continue
            found.append(measure(f"convert {name} to {other}", "convert", files[name], folder / output))
    worst = max(int(str(item["peak_mb"])) for item in found)
    print(f"the most: {worst} MB; aim: {LIMIT / 1e6:.0f}")
    if given.out:
        figures = {"transitions": given.transitions, "bytes": size, "figures": found}
        given.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
