"""The list of the formats that rexd reads, as JSON and as a table."""

from __future__ import annotations

from typing import Any

from rexd.cli.show.output import print_facts
from rexd.reading.formats import FORMATS, WrittenFormat


def listed_formats() -> list[dict[str, Any]]:
    """Return the formats in the order in which they are tried, as plain JSON types."""
    return [
        {
            "name": item.name,
            "holds": item.holds_what,
            "tool": item.tool or None,
            "written_by": f"rexd convert --to {item.target}" if isinstance(item, WrittenFormat) else None,
        }
        for item in FORMATS
    ]


def print_formats() -> None:
    """Print one line for each format: what a file of it holds, its tool, and how rexd writes it."""
    rows = {}
    for each in listed_formats():
        tool = "" if each["tool"] is None else f" Tool: {each['tool']}."
        written = "" if each["written_by"] is None else f" Written by {each['written_by']}."
        rows[each["name"]] = f"{each['holds']}{tool}{written}"
    print_facts(rows, title="formats that rexd reads, in the order in which they are tried")
