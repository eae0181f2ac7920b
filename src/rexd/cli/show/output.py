"""What a verb prints: results on stdout, as tables or as one JSON document, and everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rexd.cli.show.text import number, with_spread
from rexd.demos.doubt import Doubt
from rexd.evaluation.in_words import iqm_cell
from rexd.shown import plain

if TYPE_CHECKING:
    from rexd.reward.checks import Check

FILE_WIDTH = 120  # columns of a table that goes to a file or a pipe
WHOLE_LINES = 10_000  # letters: what goes into a file or a pipe is not broken into lines


def stderr() -> Console:
    """Return a console on stderr, for progress, notes and warnings."""
    return Console(stderr=True, highlight=False)


def note(text: object, console: Console | None = None) -> None:
    """Print a note about something that was done, or a warning where the note is a doubt."""
    if isinstance(text, Doubt):
        warn(f"{text}; {text.mend}", console)
        return
    (console or stderr()).print(Text(plain(text), style="dim"), soft_wrap=True)


def warn(text: object, console: Console | None = None) -> None:
    """Print a warning that cannot be overlooked."""
    (console or stderr()).print(Text(f"WARNING: {plain(text)}", style="bold yellow"), soft_wrap=True)


def print_error(text: object) -> None:
    """Print the line by which a verb fails."""
    print(f"rexd: error: {plain(text)}", file=sys.stderr)


def print_json(content: Mapping[str, Any]) -> None:
    """Print the one document of ``--json``."""
    print(json.dumps(content, indent=2, allow_nan=False))


def print_facts(facts: Mapping[str, object], title: str | None = None) -> None:
    """Print names and values, one pair on each line; facts that are None are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")  # a path or a command is never cut short
    for name, value in facts.items():
        if value is not None:
            table.add_row(Text(plain(name), style="bold"), Text(plain(value)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WHOLE_LINES
    if title is not None:
        console.print(Text(plain(title), style="bold underline"), soft_wrap=True)
    console.print(table, soft_wrap=not console.is_terminal)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], console: Console | None = None) -> None:
    """Print a table whose first column is text and whose other columns are numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(Text(plain(heading)), justify="right" if place else "left", no_wrap=place > 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    if console is None:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = max(console.width, FILE_WIDTH)
    console.print(table)


def print_checks(checks: Sequence[Check], warnings: Sequence[str], console: Console | None = None) -> None:
    """Print the reward of each check, and the warnings about it."""
    median = checks[0].novelty
    shown = console or Console(highlight=False)
    print_table(
        ["what it pays for", "reward", "error L / median"],
        [(check.name, f"{check.reward:.3f}", number(check.novelty / median) if median else "-") for check in checks],
        shown,
    )
    for warning in warnings:
        warn(warning, console)


def print_returns(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print summaries of returns, one in each row.

    Args:
        rows: The fields of a ``rexd.evaluation.statistics.Summary``, by the name of the row.
    """
    cells = [
        (name, with_spread(each["mean"], each["std"]), iqm_cell(each), str(each["n"])) for name, each in rows.items()
    ]
    spread = "mean ± std" if any(each["std"] is not None for each in rows.values()) else "mean"
    print_filled(("return", spread, "IQM [95% interval]", "episodes"), cells)


def print_filled(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table without the columns in which no row has anything."""
    shown = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    print_table([headings[place] for place in shown], [[row[place] for place in shown] for row in rows])
