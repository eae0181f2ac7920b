"""RED and its rivals on the same rows: how well each tells the expert from probes, and how quickly.

    python benchmarks/rewards.py run --data ../shared/data/red            # what is missing, one file for each cell
    python benchmarks/rewards.py run --suite experts --data ../shared/data/experts
    python benchmarks/rewards.py table                                     # into docs/rivals.md

A cell is one estimator on one task, with the rows of a suite's first regime of that task. Probes are those that
``rexd diagnose`` makes without an environment; the AUROC is that of the novelty against held-out expert rows. Times are
processor times of one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rexd.benchmark.suite import Regime, Suite, Task, load_suite
from rexd.demos.demonstrations import Demonstrations
from rexd.diagnosis.ladder import ONE_COLUMN
from rexd.diagnosis.probes import BETWEEN, demonstrated_probes
from rexd.diagnosis.separation import separate
from rexd.files import atomic_path, write_json
from rexd.reading.load import load_demonstrations
from rexd.reward.checks import EXPERT, OTHER_ACTIONS, RANDOM_ACTIONS, UNUSED
from rexd.reward.choices import ESTIMATORS
from rexd.reward.registry import make_reward
from rexd.reward.rows import Rows

from measuring import processor_seconds

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "rewards"
PAGE = ROOT / "docs" / "rivals.md"
BEGIN, END = "<!-- benchmarks/rewards.py: generated, do not edit -->", "<!-- end -->"
SEED, REPEATS = 0, 3


def regime_of(suite: Suite, task: Task) -> Regime:
    """The first regime of the suite that the task is part of."""
    return next(regime for regime in suite.regimes if not task.regimes or regime.name in task.regimes)


def rows_of(task: Task, regime: Regime, data: Path) -> Demonstrations:
    """The rows that a run of the suite's first seed would learn from."""
    columns = None if task.columns is None else slice(0, task.columns)
    whole = load_demonstrations(data / task.demonstrations, columns=columns)
    chosen = replace(whole.first(min(regime.trajectories, len(whole))), goals=task.goals)
    every = regime.subsample if task.subsampled else 1
    return chosen.subsample(every, seed=SEED) if every > 1 else chosen


def cells(suite: Suite, data: Path) -> Iterator[tuple[Task, Regime, str, Path]]:
    """The cells whose demonstrations lie in a folder, and the file of each."""
    for task in suite.tasks:
        if (data / task.demonstrations).exists() and not task.without_actions:
            regime = regime_of(suite, task)
            for name in ESTIMATORS:
                yield task, regime, name, RESULTS / suite.name / regime.name / f"{task.name}-{name}-seed{SEED}.json"


def measure(demonstrations: Demonstrations, name: str) -> dict[str, Any]:
    """Fit an estimator, ask it about the probes, and time both."""
    model = make_reward(name, seed=SEED)
    fit = processor_seconds(lambda: model.fit(demonstrations))
    probes = {}
    for probe in demonstrated_probes(demonstrations, None, SEED):
        novelty = model.novelty_of(probe.rows)
        reward = float(model.reward_of_novelty(novelty).mean(dtype=np.float64))
        probes[probe.name] = {"reward": reward, **asdict(separate(model.held_out_novelty_, novelty, SEED))}
    rows = Rows.of_transitions(demonstrations.unused_transitions() or demonstrations.transitions())[:2000]
    seconds = min(processor_seconds(lambda: model.novelty_of(rows)) for _ in range(REPEATS))
    return {
        "estimator": name,
        "settings": model.config.to_dict(),
        "rows": demonstrations.n_transitions,
        "columns": len(model.encoder_.kept),
        "held_out_reward": float(model.reward_of_novelty(model.held_out_novelty_).mean(dtype=np.float64)),
        "separation": model.calibration_.separation,
        "probes": probes,
        "fit_seconds": fit,
        "rows_per_second": len(rows) / seconds,
    }


def run(suite: Suite, data: Path) -> None:
    """Measure the cells that have no file yet."""
    for task, regime, name, file in cells(suite, data):
        if file.is_file():
            continue
        started = time.monotonic()
        found = measure(rows_of(task, regime, data), name)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {"suite": suite.name, "task": task.name, "regime": regime.name, "seed": SEED, **found})
        print(f"{suite.name} {task.name} {name}: {time.monotonic() - started:.0f} s", flush=True)


def policy_of(cell: dict[str, Any]) -> str:
    """What the same learner made of the estimator's reward in the suite's benchmark: a return, or a dash."""
    method = "rexd" if cell["estimator"] == "red" else cell["estimator"]
    file = ROOT / "benchmarks" / "results" / cell["suite"] / cell["regime"] / f"{cell['task']}-{method}-seed{SEED}.json"
    if not file.is_file():
        return "–"
    found = json.loads(file.read_text())
    return f"{found['return_mean']:,.{0 if abs(found['return_mean']) >= 100 else 1}f}"


def table() -> str:
    """The table of all recorded cells."""
    found = [json.loads(file.read_text()) for file in sorted(RESULTS.rglob("*.json"))]
    order = list(ESTIMATORS)
    found.sort(key=lambda cell: (cell["suite"] != "red", cell["suite"], cell["task"], order.index(cell["estimator"])))
    shown = {
        UNUSED: "unused expert rows",
        OTHER_ACTIONS: "other rows' actions",
        RANDOM_ACTIONS: "random actions",
        ONE_COLUMN: "one column moved",
        BETWEEN: "between trajectories",
    }
    heads = ("task", "estimator", EXPERT, *shown.values(), "fit", "rows a second", "return of the policy")
    lines = ["| " + " | ".join(heads) + " |", "|---" * 2 + "|--:" * (len(heads) - 2) + "|"]
    before = None
    for cell in found:
        about = f"{cell['task']}, {cell['regime']}"
        scores = [cell["probes"].get(name) for name in shown]
        aurocs = ["–" if score is None else f"{score['auroc']:.2f}" for score in scores]
        times = (f"{cell['fit_seconds']:.1f} s", f"{cell['rows_per_second']:,.0f}", policy_of(cell))
        name = about if about != before else ""
        lines.append(
            f"| {name} | `{cell['estimator']}` | {cell['held_out_reward']:.2f} | {' | '.join((*aurocs, *times))} |"
        )
        before = about
    return "\n".join(lines)


def renew(page: Path) -> None:
    """Write the table between the marks of a page."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no {BEGIN!r} and {END!r}; add them where the table is to stand")
    with atomic_path(page) as temporary:
        temporary.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("--suite", default="red")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    if given.what == "table":
        renew(PAGE)
        return
    if given.data is None:
        parser.error("run needs --data, the folder with the demonstrations of the suite")
    torch.set_num_threads(1)
    run(load_suite(given.suite), given.data)


if __name__ == "__main__":
    main()
