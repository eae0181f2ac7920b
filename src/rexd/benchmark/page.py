"""The report of a suite as one HTML page, which needs no other file and asks no server for anything.

jinja2, which the extra ``report`` installs, is imported when the page is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from importlib.resources import files
from typing import Any

from rexd.benchmark.figures import alternative
from rexd.benchmark.machine import machine
from rexd.benchmark.scores import Results
from rexd.benchmark.tables import Table, headline, remarks, tables
from rexd.errors import import_extra

_TEMPLATE = "page.html.jinja"
NOT_RECORDED = "not recorded"


def page(results: Results, figure: str, *, made: date) -> str:
    """Return the page, with all tables and the figure.

    Args:
        results: The results of a suite.
        figure: The figure as SVG.
        made: The day that the page names as its own.
    """
    jinja2 = import_extra("jinja2", "report")
    shown = [headline(results), *tables(results), conditions(results)]
    text = files("rexd.benchmark").joinpath(_TEMPLATE).read_text("utf-8")
    template = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
    return str(
        template.render(
            title=f"rexd benchmark {results.suite.name}",
            about=results.suite.about.strip(),
            made=made.isoformat(),
            machine=_machine(machine()),
            figure=re.sub(r"^.*?(?=<svg)", "", figure, flags=re.DOTALL),  # without the XML prolog
            alternative=alternative(results),
            tables=[(anchor(table), table) for table in shown],
            remarks=remarks(results),
        )
    )


def anchor(table: Table) -> str:
    """Return the name by which links find a table: its title in small letters, with dashes."""
    return re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")


def conditions(results: Results) -> Table:
    """Return the table of the versions and the machines that the results were made with, as they recorded it."""
    found = results.results
    names = dict.fromkeys(name for result in found for name in result.get("versions", {}))
    rows = [(name, _counted(result.get("versions", {}).get(name) for result in found)) for name in names]
    rows.append(("machine", _counted(_machine(result["machine"]) if "machine" in result else None for result in found)))
    rows.append(("date", _span_of_days(result.get("date") for result in found)))
    about = "Where results differ, the number of results stands behind each value."
    return Table("Versions and machines of the runs", ("what", "recorded in the results"), tuple(rows), about)


def _counted(values: Iterable[str | None]) -> str:
    counts = Counter(value or NOT_RECORDED for value in values)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{value} ({count})" for value, count in counts.most_common())


def _span_of_days(values: Iterable[str | None]) -> str:
    days = sorted({value for value in values if value})
    return NOT_RECORDED if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _machine(found: Mapping[str, Any]) -> str:
    return f"{found['processor']}, {found['cores']} core{'' if found['cores'] == 1 else 's'}"
