"""Disturb runs as machines do, and count what was lost.

    python scripts/soak.py                  # 30 kills, and the rest
    python scripts/soak.py --kills 3 --damages 20 --algorithm sb3-ppo

A run is trained once without being disturbed. The same run is then killed at random moments and resumed, stopped by a
full disk, and started twice at once; each must end with the same policy, metrics and evaluation, bit for bit. Files of
the run are cut short and their bits flipped: each must be told with words, or be what it was. JSON without a hash
(config, metrics and evaluation) may hold another number after a flip; it must load or be refused with words.

Printed are the faults injected, those survived, the artefacts lost and the results changed; the exit status is 1 unless
the last two are 0. ``FAULTS`` lists the kinds of faults; another kind of work joins by one more function in it.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

import rexd
from rexd.errors import RexdError
from rexd.reward.files import load_reward
from rexd.rl.policies.policy import load_policy
from rexd.rl.training.run_folder import load_checkpoint, load_run, read_metrics

SETTINGS: dict[str, Any] = {
    "steps": 400,
    "evaluate_every": 100,
    "evaluation_episodes": 1,
    "final_episodes": 1,
    "batch_size": 16,
    "warm_start": 5,
    "updates_every": 4,
}
REWARD: dict[str, Any] = {"updates": 20, "target_layers": (16,), "predictor_layers": (8,), "outputs": 8}
TENSORS = ("reward.safetensors", "policy.safetensors", "last_policy.safetensors", "checkpoint.safetensors")
JSONS = ("config.json", "evaluation.json", "metrics.jsonl")
TIMES = ("seconds", "zips")  # which differ from run to run
DONE, REFUSED, CRASHED = 0, 2, 3


@dataclass
class Count:
    """What came of the faults."""

    injected: int = 0
    survived: int = 0
    lost: int = 0
    changed: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class Soak:
    """The undisturbed run, and how it is made again.

    Attributes:
        folder: Where runs lie.
        settings: The settings of the run.
        kills: The number of kills.
        damages: The number of damaged files.
        rng: Draws moments and places.
        demonstrations: What the run learns from.
        seconds: How long the undisturbed run took.
        count: What came of the faults so far.
    """

    folder: Path
    settings: dict[str, Any]
    kills: int
    damages: int
    rng: np.random.Generator
    demonstrations: Any
    seconds: float = 0.0
    count: Count = field(default_factory=Count)

    @property
    def whole(self) -> Path:
        """The folder of the undisturbed run."""
        return self.folder / "whole"

    def train(self, name: str, prepare: Callable[[], object] = lambda: None) -> int:
        """Start the run in a process of its own, and return the number of the process."""
        child = os.fork()
        if child:
            return child
        status = CRASHED
        try:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            prepare()
            given = {"env": "Pendulum-v1", "out": self.folder / name, "resume": True, "progress": False}
            config = rexd.TrainConfig(reward=rexd.REDConfig(**REWARD), **self.settings)
            rexd.train(self.demonstrations, config=config, **given)
            status = DONE
        except (RexdError, OSError):
            status = REFUSED
        finally:
            os._exit(status)

    def finish(self, name: str) -> None:
        """Give the same command again, and count whether the run ends as the undisturbed one did."""
        status = ended(self.train(name))
        if status != DONE:
            self.count.lost += 1
            self.count.notes.append(f"{name}: the same command ended with {status}")
            return
        different = differences(results(self.whole), results(self.folder / name))
        if different or (left := list((self.folder / name).glob(".*"))):
            self.count.changed += 1
            self.count.notes.append(f"{name}: {', '.join(different) or left} differ")
        else:
            self.count.survived += 1
        shutil.rmtree(self.folder / name)


def ended(child: int) -> int:
    """Wait for a process, and return its exit status; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def results(folder: Path) -> dict[str, Any]:
    """Return what a run made, without the times that it took."""
    metrics, evaluation = read_metrics(folder), load_run(folder).evaluation or {}
    found: dict[str, Any] = {
        "metrics": [{k: v for k, v in record.items() if k not in TIMES} for record in metrics],
        "evaluation": {k: v for k, v in evaluation.items() if k not in TIMES},
    }
    for name in TENSORS:
        found[name] = {key: array.tobytes() for key, array in load_file(folder / name).items()}
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of the parts that differ."""
    return [name for name in one if one[name] != other[name]]


def kill(soak: Soak) -> None:
    """Kill a run once or several times, at moments from its first to its last, and resume it."""
    left = soak.kills
    while left:
        name, times = f"killed-{left}", min(left, int(soak.rng.integers(1, 4)))
        for _ in range(times):
            child = soak.train(name)
            time.sleep(float(soak.rng.uniform(0.0, soak.seconds)))
            os.kill(child, signal.SIGKILL)
            ended(child)
        soak.count.injected += times
        soak.count.survived += times - 1
        left -= times
        soak.finish(name)


def full_disk(soak: Soak) -> None:
    """Let the disk be full at one write after the other, from the first on."""
    for number in (0, *soak.rng.integers(1, 20, size=max(soak.kills // 6, 1)).tolist()):
        name = f"full-{number}"

        def fill(number: int = number) -> None:
            written = iter(range(number))
            sync = os.fsync

            def fails(file: int) -> None:
                if next(written, None) is None:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                sync(file)

            os.fsync = fails

        soak.count.injected += 1
        if (status := ended(soak.train(name, fill))) not in (DONE, REFUSED):
            soak.count.notes.append(f"{name}: a full disk ended the run with {status}")
            soak.count.lost += 1
        soak.finish(name)


def two_at_once(soak: Soak) -> None:
    """Start the same run twice at the same time: one does it, and the other is told so."""
    soak.count.injected += 1
    statuses = sorted(map(ended, [soak.train("twice"), soak.train("twice")]))
    if statuses not in ([DONE, REFUSED], [DONE, DONE]):  # the second may start when the first has ended
        soak.count.notes.append(f"two at once ended with {statuses}")
        soak.count.lost += 1
    soak.finish("twice")


def damage(soak: Soak) -> None:
    """Cut files short and flip bits in them; each must be told, or be what it was."""
    folder = soak.folder / "damaged"
    shutil.copytree(soak.whole, folder)
    for number in range(soak.damages):
        name = (*TENSORS, *JSONS)[number % (len(TENSORS) + len(JSONS))]
        path, good = folder / name, (soak.whole / name).read_bytes()
        bad = bytearray(good)
        if soak.rng.random() < 0.3:
            del bad[int(soak.rng.integers(len(good))) :]
        else:
            bit = int(soak.rng.integers(8 * len(good)))
            bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        soak.count.injected += 1
        try:
            read(path)
            changed = name in TENSORS and load_bytes(path) != load_bytes(soak.whole / name)
            soak.count.changed += changed
            soak.count.survived += not changed
            soak.count.notes += [f"{name}: damage {number} was read in silence"] if changed else []
        except RexdError:
            soak.count.survived += 1
        except Exception as error:
            soak.count.lost += 1
            soak.count.notes.append(f"{name}: damage {number} raised {error!r}")
        path.write_bytes(good)
    shutil.rmtree(folder)


def read(path: Path) -> None:
    """Read a file of a run as rexd does."""
    if path.name.startswith("checkpoint"):
        load_checkpoint(path.parent)
    elif path.name.startswith("reward"):
        load_reward(path)
    elif path.suffix == ".safetensors":
        load_policy(path)
    else:
        repr(load_run(path.parent))
        read_metrics(path.parent)


def load_bytes(path: Path) -> dict[str, bytes]:
    """Return the tensors of a file, without rexd."""
    return {name: array.tobytes() for name, array in load_file(path).items()}


FAULTS: dict[str, Callable[[Soak], None]] = {
    "kills": kill,
    "full disk": full_disk,
    "two at once": two_at_once,
    "damaged files": damage,
}


def run(folder: Path, *, kills: int, damages: int, seed: int, **settings: Any) -> Count:
    """Train the undisturbed run, inject all faults, print what came of each kind, and return the sum."""
    torch.set_num_threads(1)
    demonstrations = rexd.bundled_demonstrations("Pendulum-v1").first(2)
    rng = np.random.default_rng(seed)
    soak = Soak(folder, {**SETTINGS, **settings}, kills, damages, rng, demonstrations)
    started = time.monotonic()
    if ended(soak.train("whole")) != DONE:
        raise SystemExit("the undisturbed run failed")
    soak.seconds = time.monotonic() - started
    total = Count()
    print(f"{'':16}{'injected':>10}{'survived':>10}{'lost':>6}{'changed':>9}")
    for name, inject in FAULTS.items():
        soak.count = Count()
        inject(soak)
        found = soak.count
        print(f"{name:16}{found.injected:10}{found.survived:10}{found.lost:6}{found.changed:9}", flush=True)
        for part in ("injected", "survived", "lost", "changed", "notes"):
            setattr(total, part, getattr(total, part) + getattr(found, part))
    print(f"{'all':16}{total.injected:10}{total.survived:10}{total.lost:6}{total.changed:9}")
    print(*total.notes, sep="\n")
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--damages", type=int, default=350)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithm", default="sb3-sac", help="sbx's learners cannot be forked")
    parser.add_argument("--json", type=Path, help="write the counts to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        counts = run(Path(place), kills=given.kills, damages=given.damages, seed=given.seed, algorithm=given.algorithm)
    if given.json is not None:
        given.json.write_text(json.dumps(vars(counts), indent=2) + "\n")
    sys.exit(1 if counts.lost or counts.changed else 0)
