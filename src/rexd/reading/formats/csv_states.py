"""One text file with a header that names observations and no action: ``obs_0, obs_1, ..., reward, done, episode``.

Every column has to have a known name: one with an unknown name may hold actions.
"""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.source import Source
from rexd.reading.formats.csv_table import assign, read_table
from rexd.reading.formats.format import Format
from rexd.reading.rows.hints import Hints


def sniff(source: Source) -> bool:
    """Whether the file is a table whose header names observations, no actions, and nothing unknown."""
    if source.table is None or source.table.names is None:
        return False
    columns, others, _ = assign(source.table.names, source.table.kinds[: source.table.width])
    return "observations" in columns and "actions" not in columns and not others


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the columns, and cut the rows where episodes change, steps begin again, or ends are marked.

    Raises:
        DemonstrationError: A column holds no numbers, or the boundaries are not clear.
    """
    return read_table(source, hints)


FORMAT = Format("text table with named observations and no actions (CSV)", sniff, load)
