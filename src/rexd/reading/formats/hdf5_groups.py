"""HDF5 files with one group for each trajectory at the top: ``traj_0``, ``demo_1``, ``episode_2``, or numbers alone.

ManiSkill (https://maniskill.readthedocs.io) writes ``obs`` with the final observation, as one array or as a group of
parts, ``actions``, ``terminated``, ``truncated``, ``success`` and perhaps ``rewards``. A trajectory goes on after
success.
"""

from __future__ import annotations

import re

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_groups import numbered, read_groups, unused
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import find_keys

_GROUP = re.compile(r"((traj|trajectory|demo|demonstration|episode|ep|rollout)[_-]?)?\d+", re.IGNORECASE)
_MEND = (
    "Record them as rows of numbers (in ManiSkill: python -m mani_skill.trajectory.replay_trajectory -o state "
    "--save-traj --traj-path FILE)"
)


def sniff(source: Source) -> bool:
    """Whether an HDF5 file has groups with a number in their names at its top, and actions in the first of them."""
    if not any(map(_GROUP.fullmatch, source.hdf5_keys)):
        return False
    with source.open_hdf5() as file:
        found = numbered(file, _GROUP)
        return bool(found) and "actions" in find_keys(file[found[0]])


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read all trajectories, in the order of their numbers.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, or a trajectory has no low-dimensional observations.
    """
    with source.open_hdf5() as file:
        found = numbered(file, _GROUP)
        groups = [file[name] for name in found]
        observations = find_keys(groups[0]).get("observations", "obs")
        episodes, notes = read_groups(source.name, groups, observations, _MEND)
        ignored = [*(key for key in file if key not in found), *unused(groups[0])]
    return from_episodes(source.name, episodes, hints=hints, notes=[*notes, *ignored_note(ignored)])


FORMAT = Format("HDF5 of one group for each trajectory (ManiSkill)", sniff, load, records_boundaries=True)
