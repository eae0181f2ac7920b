"""The folder of a finished run that was never trained: settings, a reward, metrics and a final evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from circling import TINY
from line_task import ENV, make_demonstrations, make_policy

from rexd.evaluation.statistics import summarise
from rexd.reward.red.red import RED
from rexd.rl.config import TrainConfig
from rexd.rl.training.run_folder import Run, load_run

VERSIONS = {"python": "3.11.7", "rexd": "0.1.0"}


def _summary(*values: float) -> dict[str, Any]:
    return vars(summarise(values))


def finished_run(folder: Path, *, seed: int = 0, reward: bool = True, **content: Any) -> Run:
    """Write a run on the line, whose returns depend on the seed; ``content`` replaces parts of ``config.json``."""
    folder.mkdir(parents=True)
    make_policy().save(folder / "policy.safetensors")
    if reward:
        RED(seed=seed, **TINY).fit(make_demonstrations()).save(folder / "reward.safetensors")
    config = {
        "env": ENV,
        "env_kwargs": {},
        "train": TrainConfig(steps=400, seed=seed, algorithm="sb3-sac").to_dict(),
        "demonstrations_source": "demos.npz",
        "versions": VERSIONS,
        "processor": "a processor",
        "date": "2026-01-02T03:04:05+00:00",
        "command": ["rexd", "train", "demos.npz", "--seed", str(seed)],
    }
    (folder / "config.json").write_text(json.dumps({**config, **content}))
    records = [
        {"steps": steps, "seconds": 1.0, "learned_return": 4.0 + k + seed, "true_return": k - 1.0 - seed}
        for k, steps in enumerate((100, 200, 300, 400))
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    evaluation = {
        "episodes": [{"return": 3.0 + k + seed, "learned_return": 7.0, "length": 12} for k in range(4)],
        "true": _summary(*(3.0 + k + seed for k in range(4))),
        "learned": _summary(7.0, 7.5, 8.0, 8.5),
        "steps": 400,
        "selected_at": 300,
        "seconds": 12.5,
        "clone": {"true": _summary(1.0, 2.0, 2.0, 3.0), "learned": _summary(5.0, 5.0, 6.0, 6.0)},
        "demonstrations": {"learned": _summary(9.0, 10.0)},
    }
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    return load_run(folder)
