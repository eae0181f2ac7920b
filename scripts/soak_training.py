"""The soak of training: a run is disturbed and resumed, and the files of a finished one are damaged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

import rexd
from rexd.errors import RexdError
from rexd.files import leftovers
from rexd.reward.files import load_reward
from rexd.rl.policies.policy import load_policy
from rexd.rl.training.run_folder import load_checkpoint, load_run, read_metrics

from soak_faults import Soak

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


class Training(Soak):
    """``rexd train --resume``."""

    def __init__(
        self, folder: Path, *, kills: int, damages: int, rng: np.random.Generator, settings: dict[str, Any]
    ) -> None:
        """Take where runs lie, how often they are disturbed, and how they differ from ``SETTINGS``."""
        super().__init__("train", folder, kills=kills, damages=damages, rng=rng)
        self._demonstrations = rexd.bundled_demonstrations("Pendulum-v1").first(2)
        self._config = rexd.TrainConfig(reward=rexd.REDConfig(**REWARD), **{**SETTINGS, **settings})

    def work(self, out: Path) -> None:
        """Train, or go on with it."""
        given: dict[str, Any] = {"env": "Pendulum-v1", "out": out, "resume": True, "progress": False}
        rexd.train(self._demonstrations, config=self._config, **given)

    def results(self, out: Path) -> dict[str, Any]:
        """Return what a run made, without the times that it took."""
        metrics, evaluation = read_metrics(out), load_run(out).evaluation or {}
        found: dict[str, Any] = {
            "metrics": [{k: v for k, v in record.items() if k not in TIMES} for record in metrics],
            "evaluation": {k: v for k, v in evaluation.items() if k not in TIMES},
            "left over": leftovers(out) + list(out.glob(".*")),
        }
        for name in TENSORS:
            found[name] = load_bytes(out / name)
        return found

    def damage(self) -> None:
        """Damage the files of a finished run, and read each as rexd does."""
        folder = self.folder / "damaged"
        shutil.copytree(self.whole, folder)
        for number in range(self.damages):
            name = (*TENSORS, *JSONS)[number % (len(TENSORS) + len(JSONS))]
            path, good = folder / name, (self.whole / name).read_bytes()
            path.write_bytes(self.spoiled(good))
            self.count.injected += 1
            try:
                read(path)
                changed = name in TENSORS and load_bytes(path) != load_bytes(self.whole / name)
                self.count.changed += changed
                self.count.survived += not changed
                self.count.notes += [f"{name}: damage {number} was read in silence"] if changed else []
            except RexdError:
                self.count.survived += 1
            except Exception as error:
                self.lose(f"{name}: damage {number} raised {error!r}")
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
