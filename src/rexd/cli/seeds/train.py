"""``rexd train --seeds`` from its options to its table."""

from __future__ import annotations

from pathlib import Path

from rexd.cli import Interrupted
from rexd.cli.after_training import write_page_of_seeds
from rexd.cli.seeds.run import SeedRun, check_free, run_seeds, run_seeds_on_ray
from rexd.cli.seeds.summary import SUMMARY_FILE, print_summary, summary_of
from rexd.cli.seeds.words import parse_seeds
from rexd.cli.show.output import note, print_json, stderr, warn
from rexd.cli.show.text import number
from rexd.cluster import cores
from rexd.errors import RexdError
from rexd.files import write_json
from rexd.rl.training.provenance import COMMAND_LINE

FAILED = 1  # exit status


def train_seeds(seeds: str, out: Path, *, jobs: int | None, ray: str | None, resume: bool, as_json: bool) -> int:
    """Train with several seeds, and print what they have reached.

    Args:
        seeds: The seeds as the user writes them.
        out: The folder of the runs.
        jobs: The number of runs at a time.
        ray: The address of a Ray cluster, empty for one that is started here; None for processes of this machine.
        resume: Whether runs in the folder are continued.
        as_json: Whether one JSON document is printed instead of the table.

    Returns:
        The exit status: 1 if a seed failed.

    Raises:
        Interrupted: Ctrl-C; the runs can be continued.
        RexdError: The seeds or the folder cannot be used.
    """
    if jobs is not None and jobs < 1:
        raise RexdError(f"--jobs is {jobs}; expected 1 or more")
    words = list(COMMAND_LINE.get() or ())[1:]
    if any(word.partition("=")[0] == "--seed" for word in words):
        raise RexdError("--seed and --seeds exclude each other; leave one of them out")
    runs = [SeedRun(seed, out / f"seed{seed}") for seed in parse_seeds(seeds)]
    check_free(runs, resume=resume)
    out.mkdir(parents=True, exist_ok=True)
    console = stderr()
    try:
        if ray is None:
            run_seeds(runs, words, jobs=jobs or cores(), tell=lambda run: note(_line(run), console))
        else:
            run_seeds_on_ray(runs, words, address=ray, jobs=jobs, tell=lambda run: note(_line(run), console))
    except KeyboardInterrupt:
        raise Interrupted(out, None) from None
    summary = {"run": str(out), **summary_of(runs)}
    write_json(out / SUMMARY_FILE, summary)
    for run in runs:
        if run.state == "failed":
            warn(f"seed {run.seed} failed: {run.error}; see {run.log}", console)
    if as_json:
        print_json(summary)
    else:
        print_summary(summary)
    if done := [run.folder for run in runs if run.state == "done"]:
        write_page_of_seeds(out, done)
    return FAILED if any(run.state == "failed" for run in runs) else 0


def _line(run: SeedRun) -> str:
    """Return the state of a run in one line."""
    parts = [f"seed {run.seed}", run.state]
    if run.state == "running" and run.evaluations:
        last = run.evaluations[-1]
        parts.append(f"{last['steps']:,} steps")
        if (learned := last.get("learned_return")) is not None:
            parts.append(f"learned return {number(learned)}")
        if (true := last.get("true_return")) is not None:
            parts.append(f"true return {number(true)}")
    return " · ".join(parts)
