"""The HDF5 files of expert trajectories of GAIL's authors, https://github.com/openai/imitation.

They hold arrays of B trajectories, padded to T steps, ``obs_B_T_Do``, ``a_B_T_Da`` and ``r_B_T``, and the lengths of
the trajectories in ``len_B``.
"""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.hdf5 import numbers
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints

_OBS, _ACTS, _REWARDS, _LENGTHS = "obs_B_T_Do", "a_B_T_Da", "r_B_T", "len_B"


def sniff(source: Source) -> bool:
    """Whether an HDF5 file has observations and actions under GAIL's names."""
    return {_OBS, _ACTS} <= set(source.hdf5_keys)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the trajectories, without their padding.

    The file does not say whether a trajectory reached a terminal state, and the last next observation of each
    trajectory is not known.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, or its arrays do not fit each other.
    """
    with source.open_hdf5() as file:
        columns = {"observations": numbers(source.name, file, _OBS), "actions": numbers(source.name, file, _ACTS)}
        if _REWARDS in file:
            columns["rewards"] = numbers(source.name, file, _REWARDS)
        lengths = numbers(source.name, file, _LENGTHS).reshape(-1) if _LENGTHS in file else None
        ignored = [key for key in file if key not in (_OBS, _ACTS, _REWARDS, _LENGTHS)]
    shapes = {role: array.shape[:2] for role, array in columns.items()}
    if len(set(shapes.values())) > 1 or columns["observations"].ndim != 3 or columns["actions"].ndim not in (2, 3):
        found = ", ".join(f"{role} {array.shape}" for role, array in columns.items())
        raise DemonstrationError(
            f"{source.name}: has {found}; expected (trajectories, steps, columns) with the same first two numbers. "
            "Write the file again"
        )
    count, steps = columns["observations"].shape[:2]
    if lengths is None:
        lengths = np.full(count, steps)
    whole = lengths.dtype.kind in "iu" or bool((lengths == np.floor(lengths)).all())
    if len(lengths) != count or not whole or (lengths < 0).any() or (lengths > steps).any():
        raise DemonstrationError(
            f"{source.name}: {_LENGTHS} is {lengths[:5]} of {len(lengths)}; expected {count} whole numbers from 0 to "
            f"{steps}. Write the file again"
        )
    episodes = [{role: rows[n, : int(end)] for role, rows in columns.items()} for n, end in enumerate(lengths)]
    notes = ignored_note(ignored)
    return from_episodes(source.name, episodes, hints=hints, notes=notes)


FORMAT = Format("GAIL experts HDF5", sniff, load, records_boundaries=True, tool="openai/imitation (GAIL)")
