"""An npz of one array of observations beside actions, (N, obs + action) or (B, T, obs + action), under any name."""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.formats.plain_array import read_array
from rexd.reading.rows.hints import Hints


def sniff(source: Source) -> bool:
    """Whether the file is an npz of one array of numbers with two or three axes."""
    if len(source.npz) != 1:
        return False
    (array,) = source.npz.values()
    return array.ndim in (2, 3) and array.dtype.kind in "biuf" and array.size > 0


def load(source: Source, hints: Hints) -> Demonstrations:
    """Split the columns into observations and actions, and the rows into trajectories.

    Raises:
        DemonstrationError: Which columns are actions, or where trajectories begin, cannot be told.
    """
    (array,) = source.npz.values()
    return read_array(source.name, array, hints)


FORMAT = Format("npz of one array of (rows, observations + actions)", sniff, load, takes_columns=True)
