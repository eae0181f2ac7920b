"""An HDF5 file of arrays under the names that tools use, such as DI-engine's expert data.

DI-engine (``hdf5_save``, up to version 0.5.3) writes rows end to end as ``obs``, ``action``, ``reward``, ``done`` and
``next_obs``.
"""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.hdf5 import is_numbers, numbers
from rexd.reading.containers.source import Source
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.format import Format
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NEEDED, find_keys


def sniff(source: Source) -> bool:
    """Whether an HDF5 file has arrays of observations and actions at its top."""
    keys = find_keys(source.hdf5_keys)
    if not keys.keys() >= set(NEEDED):
        return False
    with source.open_hdf5() as file:
        return all(is_numbers(file.get(keys[role])) for role in NEEDED)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the arrays, and cut them into trajectories.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, its arrays do not fit each other, or the boundaries are not clear.
    """
    with source.open_hdf5() as file:
        # Keys without an array of numbers are kept as None, so that the note of ignored keys names them.
        usable = [key for key in file if isinstance(key, str) and is_numbers(file.get(key))]
        content = {key: numbers(source.name, file, key) if key in usable else None for key in file}
    return read_arrays(source.name, content, hints)


FORMAT = Format("HDF5 of arrays (DI-engine)", sniff, load, tool="DI-engine, and others")
