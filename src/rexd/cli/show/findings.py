"""Findings as a table for people: severity, code, message and mend; and what an exit status says in one word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rexd.shown import plain

if TYPE_CHECKING:
    from rexd.inspection.data import Finding

STATUSES = ("ok", "warnings", "errors", "unreadable")
"""What the document of ``--json`` says, by the exit status."""
UNREADABLE = 3
_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "dim"}


def print_findings(findings: Sequence[Finding]) -> None:
    """Print one row for each finding, with the mend below the message."""
    console = Console(highlight=False)
    if not findings:
        console.print(Text("no faults found", style="bold green"))
        return
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        style = _STYLES[finding.severity]
        message = Text(plain(finding.message))
        if finding.mend:
            message.append(f"\n→ {plain(finding.mend)}", style="bold")
        table.add_row(Text(finding.severity, style=style), Text(finding.code, style=style), message)
    # In a file or a pipe each finding is one whole line, so that it can be searched for.
    console.print(table, soft_wrap=not console.is_terminal)
