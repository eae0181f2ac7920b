"""ALOHA's HDF5 files: one episode in each, with ``action``, ``observations/qpos``, ``observations/qvel`` and images.

The layout is that of https://github.com/tonyzhaozh/act. The images of the cameras, which may be compressed, are left
out.
"""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.hdf5 import is_numbers
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_groups import is_group, read_groups, unused
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import find_keys

_OBSERVATIONS, _POSITIONS = "observations", "qpos"
_MEND = "Record the positions of the joints, as numbers"


def sniff(source: Source) -> bool:
    """Whether an HDF5 file has actions at its top, and positions in a group of observations."""
    keys = find_keys(source.hdf5_keys)
    if keys.get("observations") != _OBSERVATIONS or "actions" not in keys:
        return False
    with source.open_hdf5() as file:
        observations = file.get(_OBSERVATIONS)
        return is_group(observations) and _POSITIONS in observations and is_numbers(file.get(keys["actions"]))


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the episode, with the low-dimensional observations side by side in the order of their names.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, or its arrays do not fit each other.
    """
    with source.open_hdf5() as file:
        episodes, notes = read_groups(source.name, [file], _OBSERVATIONS, _MEND)
        notes += ignored_note(unused(file))
    return from_episodes(source.name, episodes, hints=hints, notes=notes)


FORMAT = Format("ALOHA HDF5", sniff, load, records_boundaries=True)
