"""The end of a run: a table of the policy beside what it is compared with, and a verdict in one sentence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rexd.cli.show.output import iqm_cell, print_facts, print_filled, print_json
from rexd.cli.show.text import with_spread
from rexd.shown import plain

if TYPE_CHECKING:
    from rexd.rl.training.run_folder import Run

HEADINGS = ("", "true return", "IQM [95% interval]", "learned return", "episodes")


def report(
    run: Run,
    demonstrated: tuple[float, ...] | None,
    *,
    as_json: bool,
    others: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Print the final evaluation of a run as a table or as JSON.

    Args:
        run: The finished run.
        demonstrated: Returns of the demonstrations; None if they are not known.
        as_json: Whether one JSON document is printed instead of the table.
        others: Evaluations of other policies as plain JSON types, by name.
    """
    from rexd.evaluation.statistics import summarise

    found = run.evaluation or {}
    expert = asdict(summarise(demonstrated)) if demonstrated else None
    if as_json:
        print_json(
            {
                "run": str(run.path),
                "env": run.env,
                "env_kwargs": run.env_kwargs,
                "demonstrations": expert,
                "evaluation": found or None,
                "verdict": verdict(found),
                **({"others": {name: each["true"] for name, each in others.items()}} if others else {}),
            }
        )
        return
    compared = {
        "demonstrations": {"true": expert, "learned": found.get("demonstrations", {}).get("learned")},
        "clone": found.get("clone", {}),
        **(others or {}),
        "policy": found,
    }
    rows = [_row(name, each) for name, each in compared.items()]
    print_filled(HEADINGS, [row for row in rows if any(row[1:])])
    if (said := verdict(found)) is not None:
        print(plain(said))
    steps, chosen = f"{found.get('steps', run.config.steps):,}", found.get("selected_at")
    if chosen is not None:
        steps += (
            f", the policy is that of step {chosen:,}" if chosen else ", the policy is the clone of the demonstrations"
        )
    named = [] if run.env_reference is None else ["--env", run.env_reference]
    print_facts(
        {
            "environment": run.env,
            "steps": steps,
            "seconds": None if "seconds" not in found else f"{found['seconds']:,.0f}",
            "files": run.path,
            "play it": shlex.join(["rexd", "evaluate", str(run.path), *named, "--episodes", "20"]),
        }
    )


def verdict(evaluation: Mapping[str, Any]) -> str | None:
    """Return in one sentence how the policy compares with the demonstrations and with the clone, by learned return.

    Args:
        evaluation: The content of a run's ``evaluation.json``.

    Returns:
        The sentence; None where the learned returns are not known, as in older runs and in controls.
    """
    policy, demonstrated, clone = (
        None if (summary := part.get("learned")) is None else float(summary["mean"])
        for part in (evaluation, evaluation.get("demonstrations") or {}, evaluation.get("clone") or {})
    )
    if policy is None or demonstrated is None or demonstrated <= 0.0:
        return None
    kept = "" if evaluation.get("selected_at") != 0 else ", a clone of them,"
    said = f"The policy{kept} reaches {policy / demonstrated:.0%} of the demonstrations' learned return"
    return f"{said}." if clone is None else f"{said}; the clone reaches {clone / demonstrated:.0%}."


def _row(name: str, evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    true, learned = evaluation.get("true"), evaluation.get("learned")
    if true is None and learned is None:
        return (name, "", "", "", "")
    spread = ["" if each is None else with_spread(each["mean"], each["std"]) for each in (true, learned)]
    return name, spread[0], "" if true is None else iqm_cell(true), spread[1], str((true or learned or {})["n"])
