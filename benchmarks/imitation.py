"""What rexd reaches from the RED authors' demonstrations: one JSON for each task, method and seed, and a table.

    python benchmarks/imitation.py run --data PATH --seeds 0 1 2
    python benchmarks/imitation.py run --data PATH --tasks HalfCheetah Hopper --methods sqil --seeds 0
    python benchmarks/imitation.py table

The demonstrations are `{Hopper,HalfCheetah,Walker2d,Ant,Reacher}-v2.pkl` of github.com/RuohanW/RED (folder `data/`).
A cell whose JSON exists is skipped and one that was killed resumes, so that the command can be given again and again.
Each cell runs in a process of its own with one thread; `--workers` of them run at a time, each on its own core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs") / "benchmark"
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


@dataclass(frozen=True)
class Task:
    """One of the RED paper's tasks, on current Gymnasium.

    Attributes:
        env: Gymnasium id.
        columns: First observation columns to keep; older versions have more.
        steps: Environment steps of the learner.
        demonstrations_return: Of the file's trajectories, by replaying each step in the simulator.
        target: What the checkpoint selected by learned return should reach; None where it is only reported.
        subsampled: Whether the regime's subsampling applies (Reacher's episodes have 50 steps: it does not).
    """

    env: str
    columns: int
    steps: int
    demonstrations_return: float
    target: float | None
    subsampled: bool = True


TASKS = {
    "HalfCheetah": Task("HalfCheetah-v5", 17, 12_000, 4103.0, 3900.0),
    "Hopper": Task("Hopper-v5", 11, 60_000, 3742.0, 3400.0),
    "Ant": Task("Ant-v4", 27, 100_000, 4770.0, 3900.0),
    "Reacher": Task("Reacher-v5", 10, 50_000, -3.96, -6.5, subsampled=False),
    "Walker2d": Task("Walker2d-v5", 17, 100_000, 5539.0, None),
}
REGIMES = {"4x20": (4, 20), "4x1": (4, 1), "1x1": (1, 1), "1x20": (1, 20)}
METHODS = {"rexd": "learned", "sqil": "constant", "bc": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the cells that have no result yet")
    run.add_argument("--data", type=Path, required=True, help="folder of the RED authors' pickles")
    run.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    run.add_argument("--methods", nargs="+", choices=METHODS, default=["rexd"])
    run.add_argument("--regime", choices=REGIMES, default="4x20")
    run.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    run.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    cell = commands.add_parser("cell", help="run one cell in this process")
    for name in ("task", "method", "regime"):
        cell.add_argument(name)
    cell.add_argument("seed", type=int)
    cell.add_argument("data", type=Path)
    commands.add_parser("table", help="print the results as Markdown")
    args = parser.parse_args()
    if args.command == "run":
        run_cells(args)
    elif args.command == "cell":
        run_cell(args.task, args.method, args.regime, args.seed, args.data)
    else:
        print(table(read_results()))


def result_path(task: str, method: str, regime: str, seed: int) -> Path:
    return RESULTS / regime / f"{task}-{method}-seed{seed}.json"


def is_done(task: str, method: str, regime: str, seed: int) -> bool:
    """Whether there is a result of the task's full length; a shorter run is continued."""
    path = result_path(task, method, regime, seed)
    return path.exists() and (method == "bc" or json.loads(path.read_text())["steps"] >= TASKS[task].steps)


def run_cells(args: argparse.Namespace) -> None:
    cells = [
        (task, method, args.regime, seed)
        for seed in args.seeds
        for method in args.methods
        for task in args.tasks
        if not is_done(task, method, args.regime, seed)
    ]
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(args.workers))
    cores: SimpleQueue[int] = SimpleQueue()
    for core in available[: args.workers]:
        cores.put(core)

    def work(cell: tuple[str, str, str, int]) -> None:
        core, started = cores.get(), time.monotonic()
        words = [str(word) for word in (*cell, args.data)]
        pin = ["taskset", "-c", str(core)] if sys.platform == "linux" else []
        done = subprocess.run([*pin, sys.executable, __file__, "cell", *words], env={**os.environ, **ONE_THREAD})
        cores.put(core)
        state = "done" if done.returncode == 0 else f"FAILED ({done.returncode})"
        print(f"{' '.join(words[:4])}: {state} after {time.monotonic() - started:.0f} s", flush=True)

    with ThreadPoolExecutor(max_workers=len(available[: args.workers])) as pool:
        list(pool.map(work, cells))
    print(table(read_results()))


def run_cell(task_name: str, method: str, regime: str, seed: int, data: Path) -> None:
    import torch

    import rexd
    from rexd.files import write_json

    torch.set_num_threads(1)
    task = TASKS[task_name]
    trajectories, every = REGIMES[regime]
    demonstrations = rexd.load_demonstrations(
        data / f"{task_name}-v2.pkl", env=task.env, columns=slice(0, task.columns)
    ).first(trajectories)
    if task.subsampled and every > 1:
        demonstrations = demonstrations.subsample(every, seed=seed)
    if method == "bc":
        measured: dict[str, Any] = behavioural_cloning(demonstrations, task, seed)
    else:
        run = rexd.train(
            demonstrations,
            env=task.env,
            out=RUNS / regime / f"{task_name}-{method}-seed{seed}",
            resume=True,
            steps=task.steps,
            seed=seed,
            reward_source=METHODS[method],
        )
        assert run.evaluation is not None
        measured = {name: run.evaluation[name] for name in ("steps", "selected_at", "selection_steps", "seconds")}
        measured |= {"evaluation": run.evaluation["true"], "episodes": run.evaluation["episodes"]}
        kept = ("steps", "seconds", "learned_return", "true_return", "selected", "length")
        measured["curve"] = [{name: record[name] for name in kept} for record in run.metrics()]
    write_json(
        result_path(task_name, method, regime, seed),
        {
            "task": task_name,
            "env": task.env,
            "regime": regime,
            "transitions": demonstrations.n_transitions,
            "offsets": list(demonstrations.offsets),
            "method": method,
            "seed": seed,
            "steps": measured["steps"],
            "seconds": measured["seconds"],
            "return_mean": measured["evaluation"]["mean"],
            "return_std": measured["evaluation"]["std"],
            "demonstrations_return": task.demonstrations_return,
            "target": task.target,
            "versions": versions(),
            **{name: value for name, value in measured.items() if name not in ("steps", "seconds")},
        },
    )


def behavioural_cloning(demonstrations: Any, task: Task, seed: int) -> dict[str, Any]:
    from rexd.evaluation.evaluate import evaluate
    from rexd.rl.bc import clone
    from rexd.rl.environment import make_environment

    started = time.monotonic()
    space = make_environment(task.env).action_space
    policy = clone(demonstrations, action_space=(space.low, space.high), seed=seed)
    seconds = time.monotonic() - started
    result = evaluate(lambda: make_environment(task.env), policy, None, episodes=20, seed=seed).to_dict()
    return {
        "steps": 0,
        "selected_at": None,
        "selection_steps": 0,
        "seconds": round(seconds, 1),
        "evaluation": result["true"],
        "episodes": result["episodes"],
    }


def versions() -> dict[str, str]:
    from importlib.metadata import version

    names = ("rexd", "torch", "jax", "sbx-rl", "stable-baselines3", "gymnasium", "mujoco", "numpy")
    return {"python": sys.version.split()[0], **{name: version(name) for name in names}}


def read_results() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*/*.json"))]


def table(results: list[dict[str, Any]]) -> str:
    """One row for each task and method; each seed's return is the mean over its final episodes."""
    lines = [
        "| regime | task | method | return of each seed (mean ± std over episodes) | demonstrations | target | "
        "steps | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault((result["regime"], result["task"], result["method"]), []).append(result)
    for (regime, task, method), runs in groups.items():
        runs.sort(key=lambda run: int(run["seed"]))
        digits = 0 if abs(runs[0]["demonstrations_return"]) > 100 else 2
        each = ", ".join(f"{r['return_mean']:.{digits}f} ± {r['return_std']:.{digits}f} (s{r['seed']})" for r in runs)
        target, steps = runs[0]["target"], [f"{n:,}" for n in sorted({run["steps"] for run in runs})]
        lines.append(
            f"| {regime} | {task} | {method} | {each} | {runs[0]['demonstrations_return']:.{digits}f} | "
            f"{'report' if target is None else f'≥ {target:g}'} | {' to '.join(steps)} | "
            f"{sum(r['seconds'] for r in runs) / len(runs) / 60:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
