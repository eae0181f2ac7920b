"""The end of a run: a table of the policy beside what it is compared with, and a verdict in one sentence."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rexd.cli.show.output import print_facts, print_filled, print_json
from rexd.evaluation.in_words import HEADINGS, compared, verdict
from rexd.shown import plain

if TYPE_CHECKING:
    from rexd.rl.training.run_folder import Run


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
    print_filled(HEADINGS, compared(found, expert, others))
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
