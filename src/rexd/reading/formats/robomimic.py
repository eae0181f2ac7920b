"""robomimic's HDF5 files: one group for each demonstration, with one array for each kind of observation.

The layout (https://robomimic.github.io/docs/datasets/overview.html): ``data/demo_i`` holds ``actions``, ``rewards``,
``dones``, ``obs/*`` and ``next_obs/*``; ``mask/*`` names subsets of the demonstrations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.folders import text_in_json
from rexd.reading.containers.hdf5 import is_numbers, numbers
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.side_by_side import columns_note, last_done, side_by_side
from rexd.reading.rows.stacking import names

_DEMO = re.compile(r"demo_\d+")
_USED = ("actions", "rewards", "dones", "obs", "next_obs")


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
        demos = _demos(data)
        parts, left_out = _parts(source.name, data, demos)
        episodes, early = [], 0
        for name in demos:
            episode, more = _episode(source.name, data[name], parts)
            episodes.append(episode)
            early += more
        widths = {part: _width(data[demos[0]]["obs"][part]) for part in parts}
        ignored = [*(key for key in file if key != "data"), *_ignored(data[demos[0]])]
        env_id = text_in_json(data.attrs, "env_args", "env_name")
    notes = [columns_note(widths)]
    if left_out:
        notes.append(f"left out {names(left_out)}: images and other arrays without one row of numbers for each step")
    if early:
        notes.append(
            f"{early} steps before the last of their trajectory are marked as done, as robomimic marks success: the "
            "trajectory goes on"
        )
    notes += ignored_note(ignored)
    return replace(from_episodes(source.name, episodes, hints=hints, notes=notes), env_id=env_id)


FORMAT = Format("robomimic HDF5", sniff, load, records_boundaries=True, tool="robomimic")


def _demos(data: Any) -> list[str]:
    """Return the names of the demonstrations, in the order of their numbers."""
    if not hasattr(data, "keys"):
        return []
    found = [name for name in data if _DEMO.fullmatch(name) and hasattr(data.get(name), "keys")]
    return sorted(found, key=lambda name: int(name.removeprefix("demo_")))


def _parts(source: str, data: Any, demos: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the observations that are rows of numbers in every demonstration, and all others; both sorted."""
    seen: set[str] = set()
    usable: set[str] | None = None
    for name in demos:
        obs = data[name].get("obs")
        items = dict(obs.items()) if hasattr(obs, "keys") else {}
        seen |= set(items)
        flat = {key for key, item in items.items() if is_numbers(item) and len(item.shape) <= 2}
        usable = flat if usable is None else usable & flat
    if not usable:
        raise DemonstrationError(
            f"{source}: has no low-dimensional observations in every demonstration (found {names(sorted(seen))}); "
            "expected data/demo_0/obs with them. Extract them with robomimic's dataset_states_to_obs.py"
        )
    return sorted(usable), sorted(seen - usable)


def _episode(source: str, demo: Any, parts: Sequence[str]) -> tuple[dict[str, Any], int]:
    label = f"{source}: {demo.name.strip('/')}"
    episode: dict[str, Any] = {"actions": numbers(source, demo, "actions")}
    episode["observations"] = side_by_side(label, _arrays(source, demo["obs"], parts))
    following, early = demo.get("next_obs"), 0
    if hasattr(following, "keys") and all(part in following for part in parts):
        episode["next_observations"] = side_by_side(label, _arrays(source, following, parts))
    if "rewards" in demo:
        episode["rewards"] = numbers(source, demo, "rewards")
    if "dones" in demo:
        episode["dones"], early = last_done(label, numbers(source, demo, "dones"))
    return episode, early


def _arrays(source: str, group: Any, parts: Sequence[str]) -> dict[str, Array]:
    return {part: numbers(source, group, part) for part in parts}


def _width(item: Any) -> int:
    return int(np.prod(item.shape[1:], dtype=np.int64))


def _ignored(demo: Mapping[str, Any]) -> list[str]:
    return [key for key in demo if key not in _USED]
