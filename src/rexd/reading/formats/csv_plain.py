"""One text file of rows, observations beside actions, whose columns have no names.

The environment, or the user by naming the observation columns, tells which columns are actions.
"""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.formats.plain_array import read_array
from rexd.reading.rows.hints import Hints


def sniff(source: Source) -> bool:
    """Whether the file is a table of two columns or more."""
    return source.table is not None and source.table.width > 1


def load(source: Source, hints: Hints) -> Demonstrations:
    """Split the columns into observations and actions, and the rows into trajectories.

    Raises:
        DemonstrationError: Which columns are actions, or where trajectories begin, cannot be told.
    """
    if source.table is None:
        raise DemonstrationError(f"{source.name}: has no rows of numbers; write it again")
    return read_array(source.name, source.table.rows(), hints)


FORMAT = Format("text table without names (CSV)", sniff, load, takes_columns=True)
