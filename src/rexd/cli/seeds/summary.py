"""What several seeds have reached: a table with a row for each, and the same as a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rexd.cli.seeds.run import SeedRun
from rexd.cli.show.output import print_filled
from rexd.cli.show.text import number, with_spread
from rexd.evaluation.in_words import iqm_cell
from rexd.evaluation.statistics import summarise

SUMMARY_FILE = "seeds.json"
HEADINGS = ("seed", "true return", "IQM [95% interval]", "learned return", "steps", "seconds", "")


def summary_of(runs: Sequence[SeedRun]) -> dict[str, Any]:
    """Return the results of all seeds as plain JSON types.

    The statistics over seeds are of the mean returns of the seeds that are done: their mean and spread, and their
    interquartile mean with its bootstrap interval.
    """
    found = {run.seed: run.evaluation for run in runs}
    over_seeds = {}
    for kind in ("true", "learned"):
        means = [float(each[kind]["mean"]) for each in found.values() if each is not None and each.get(kind)]
        if means:
            over_seeds[kind] = asdict(summarise(means))
    each = [
        {
            "seed": run.seed,
            "run": str(run.folder),
            "state": run.state,
            "error": run.error,
            "evaluation": found[run.seed],
        }
        for run in runs
    ]
    return {"seeds": each, "over_seeds": over_seeds}


def print_summary(summary: dict[str, Any]) -> None:
    """Print the table."""
    rows = [_row(each) for each in summary["seeds"]]
    over = summary["over_seeds"]
    if over:
        true, learned = over.get("true"), over.get("learned")
        spread = ["" if each is None else with_spread(each["mean"], each["std"]) for each in (true, learned)]
        rows.append(("all", spread[0], "" if true is None else iqm_cell(true), spread[1], "", "", ""))
    print_filled(HEADINGS, rows)


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    found = each["evaluation"]
    if found is None:
        return (str(each["seed"]), "", "", "", "", "", each["error"] or each["state"])
    true, learned = found.get("true"), found.get("learned")
    cells = ["" if part is None else with_spread(part["mean"], part["std"]) for part in (true, learned)]
    seconds = "" if "seconds" not in found else number(found["seconds"])
    return (str(each["seed"]), cells[0], iqm_cell(true) if true else "", cells[1], f"{found['steps']:,}", seconds, "")
