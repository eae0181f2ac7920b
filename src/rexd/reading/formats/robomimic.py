"""robomimic's HDF5 files: one group for each demonstration, with one array for each kind of observation.

The layout (https://robomimic.github.io/docs/datasets/overview.html): ``data/demo_i`` holds ``actions``, ``rewards``,
``dones``, ``obs/*`` and ``next_obs/*``; ``mask/*`` names subsets of the demonstrations.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.reading.containers.folders import text_in_json
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.from_groups import is_group, numbered, read_groups, unused
from rexd.reading.rows.hints import Hints

_DEMO = re.compile(r"demo_\d+")
_MEND = "Extract them with robomimic's dataset_states_to_obs.py"


def sniff(source: Source) -> bool:
    """Whether an HDF5 file has a group ``data`` with demonstrations in it."""
    if "data" not in source.hdf5_keys:
        return False
    with source.open_hdf5() as file:
        return bool(_demos(file["data"]))


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read all demonstrations, with the low-dimensional observations side by side in the order of their names.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, or holds no low-dimensional observations.
    """
    with source.open_hdf5() as file:
        data = file["data"]
        demos = [data[name] for name in _demos(data)]
        episodes, notes = read_groups(source.name, demos, "obs", _MEND)
        ignored = [*(key for key in file if key != "data"), *unused(demos[0])]
        env_id = text_in_json(data.attrs, "env_args", "env_name")
    notes += ignored_note(ignored)
    return replace(from_episodes(source.name, episodes, hints=hints, notes=notes), env_id=env_id)


FORMAT = Format("robomimic HDF5", sniff, load, records_boundaries=True, tool="robomimic")


def _demos(data: Any) -> list[str]:
    return numbered(data, _DEMO) if is_group(data) else []
