"""Findings for people: how bad, what, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rexd.cli.show.text import plain

if TYPE_CHECKING:
    from rexd.inspection.data import Finding

_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "dim"}


def print_findings(findings: Sequence[Finding]) -> None:
    """One row each, with the mend below what was found."""
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
    # into a file or a pipe in whole lines, so that they can be searched
    console.print(table, soft_wrap=not console.is_terminal)
