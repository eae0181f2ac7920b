"""The HDF5 files of d3rlpy 2 (https://d3rlpy.readthedocs.io), which ``ReplayBuffer.dump`` writes.

Episode i has ``observations_i``, ``actions_i``, ``rewards_i`` and whether it ``terminated_i``; an observation of
several parts has one array for each, ``observations_i_0`` and on. ``columns`` names these, and ``num_episodes`` counts
the episodes. The final observation of an episode is not kept. The first release, 2.0, wrote one array of all episodes
of equal length, which is read as HDF5 of arrays.
"""

from __future__ import annotations

from itertools import count, takewhile
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.containers.hdf5 import is_numbers, numbers
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.side_by_side import side_by_side

_COLUMNS, _COUNT = "columns", "num_episodes"


def sniff(source: Source) -> bool:
    """Whether an HDF5 file names its columns, counts its episodes and has the actions of the first."""
    return {_COLUMNS, _COUNT, "actions_0"} <= set(source.hdf5_keys)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read all episodes that the file counts.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, an episode is missing, or an observation is an image.
    """
    with source.open_hdf5() as file:
        episodes = [_episode(source.name, file, number) for number in range(_whole(source.name, file, _COUNT))]
    return from_episodes(source.name, episodes, hints=hints)


FORMAT = Format("d3rlpy 2 HDF5", sniff, load, records_boundaries=True)


def _episode(source: str, file: Any, number: int) -> dict[str, Any]:
    parts = list(takewhile(file.__contains__, (f"observations_{number}_{part}" for part in count())))
    if parts:
        arrays = {part: numbers(source, file, part) for part in parts}
        observations = side_by_side(f"{source}: episode {number}", arrays)
    else:
        observations = numbers(source, file, f"observations_{number}")
    episode = {"observations": observations, "actions": numbers(source, file, f"actions_{number}")}
    if is_numbers(file.get(f"rewards_{number}")):
        episode["rewards"] = numbers(source, file, f"rewards_{number}")
    return episode | {"terminated": np.bool_(_whole(source, file, f"terminated_{number}"))}


def _whole(source: str, file: Any, name: str) -> int:
    item = file.get(name)
    if getattr(item, "shape", None) != () or item.dtype.kind not in "biu":
        raise DemonstrationError(f"{source}: {name!r} is missing or no whole number; dump the replay buffer again")
    return int(item[()])
