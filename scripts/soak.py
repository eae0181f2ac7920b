"""Disturb runs and relabelling as machines do, and count what was lost.

    python scripts/soak.py                  # 30 kills of a run and 30 of relabelling, and the rest
    python scripts/soak.py --only relabel   # without training, in minutes
    python scripts/soak.py --kills 3 --damages 20 --algorithm sb3-ppo

Each work is done once without being disturbed: a run is trained, and a dataset is relabelled in each of four layouts.
The same work is then killed at random moments and continued, stopped by a full disk, and started twice at once; each
must end with the same policy, metrics and evaluation, or the same copy, bit for bit. Files of a run, and those of
unfinished and finished relabelling, are cut short and their bits flipped: each must be told with words, or be what it
was. JSON of a run without a hash (config, metrics and evaluation) may hold another number after a flip; it must load or
be refused with words.

Printed are the faults injected, those survived, the artefacts lost and the results changed; the exit status is 1 unless
the last two are 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from soak_faults import Count, Soak
from soak_relabel import LAYOUTS, Relabelling, save_reward
from soak_training import Training

FAULTS: dict[str, Callable[[Soak], None]] = {
    "kills": lambda soak: soak.kill(),
    "full disk": lambda soak: soak.full_disk(),
    "two at once": lambda soak: soak.two_at_once(),
    "damaged files": lambda soak: soak.damage(),
}


def works(folder: Path, kills: int, damages: int, seed: int, units: int, settings: dict[str, Any]) -> list[Soak]:
    """Return training and relabelling, whose layouts share the kills and a third of the damages."""
    rng = np.random.default_rng(seed)
    reward = save_reward(folder / "reward.safetensors", units)
    made: list[Soak] = [Training(folder / "train", kills=kills, damages=damages, rng=rng, settings=settings)]
    for number, layout in enumerate(LAYOUTS):
        part, shared = range(number, kills, len(LAYOUTS)), range(number, damages // 3, len(LAYOUTS))
        place = folder / f"relabel-{layout}"
        made.append(Relabelling(layout, place, kills=len(part), damages=len(shared), rng=rng, reward=reward))
    return made


def run(
    folder: Path, *, kills: int, damages: int, seed: int, units: int = 256, only: str = "", **settings: Any
) -> dict[str, Count]:
    """Do all work, inject all faults, print what came of each kind, and return it; ``all`` is the sum.

    Args:
        folder: Where everything lies.
        kills: The number of kills of a run, and of relabelling.
        damages: The number of damaged files of a run; a third as many of relabelling.
        seed: Decides the moments and the places.
        units: The size of the reward's networks in relabelling.
        only: How the names of the works begin that are done.
        settings: Those of the run.
    """
    torch.set_num_threads(1)
    found, total = {}, Count()
    print(f"{'':32}{'injected':>10}{'survived':>10}{'lost':>6}{'changed':>9}")
    for soak in works(folder, kills, damages, seed, units, settings):
        if not soak.name.startswith(only):
            continue
        soak.undisturbed()
        for name, inject in FAULTS.items():
            soak.count = Count()
            inject(soak)
            found[f"{soak.name}: {name}"] = soak.count
            show(f"{soak.name}: {name}", soak.count)
            total.add(soak.count)
    show("all", total)
    print(*total.notes, sep="\n")
    return {**found, "all": total}


def show(name: str, count: Count) -> None:
    """Print one row of the table."""
    print(f"{name:32}{count.injected:10}{count.survived:10}{count.lost:6}{count.changed:9}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--damages", type=int, default=350)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithm", default="sb3-sac", help="sbx's learners cannot be forked")
    parser.add_argument("--only", choices=("train", "relabel"), default="")
    parser.add_argument("--json", type=Path, help="write the counts to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        asked = {name: value for name, value in vars(given).items() if name != "json"}
        counts = run(Path(place), **asked)
    if given.json is not None:
        given.json.write_text(json.dumps({name: vars(count) for name, count in counts.items()}, indent=2) + "\n")
    sys.exit(1 if counts["all"].lost or counts["all"].changed else 0)
