"""LeRobot datasets, versions 2 and 3: a folder of Parquet files, with one row for each frame.

The layout (https://github.com/huggingface/lerobot): ``meta/info.json`` describes the columns, and each file
``data/chunk-*/*.parquet`` has one episode (version 2) or several (version 3). Images and videos are not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.arrow import as_numbers, columns_of, read_parquet
from rexd.reading.containers.folders import inside, read_json
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.normalise import as_flags
from rexd.reading.rows.side_by_side import columns_note, last_done, side_by_side
from rexd.reading.rows.stacking import names

_OBSERVATION = "observation."
_EPISODE, _FRAME, _ACTION = "episode_index", "frame_index", "action"
_REWARD, _DONE, _TERMINATED, _TRUNCATED = "next.reward", "next.done", "next.terminated", "next.truncated"
_OPTIONAL = (_REWARD, _DONE, _TERMINATED, _TRUNCATED)
_NUMBERS = ("float", "int", "uint", "bool")


def sniff(source: Source) -> bool:
    """Whether this is a folder with LeRobot's description of a dataset."""
    if not source.is_folder:
        return False
    try:
        info = _info(source.path)
    except UnsafeFileError:
        raise
    except DemonstrationError:
        return False
    return "codebase_version" in info and isinstance(info.get("features"), dict)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read all episodes, with the low-dimensional observations side by side in the order of their names.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UnsafeFileError: A file is a link out of the folder.
        DemonstrationError: A file is missing, damaged or of another version, or there is no low-dimensional
            observation.
    """
    info = _info(source.path)
    version = str(info.get("codebase_version"))
    if not version.startswith(("v2", "v3")):
        raise DemonstrationError(
            f"{source.name}: is a LeRobot dataset of version {version[:20]}; expected v2 or v3. Convert it with LeRobot"
        )
    features = {str(key): value for key, value in info["features"].items() if isinstance(value, dict)}
    parts = sorted(key for key in features if key.startswith(_OBSERVATION) and _is_row(features[key]))
    if not parts or _ACTION not in features:
        raise DemonstrationError(
            f"{source.name}: has no low-dimensional observations or no action (found {names(features)}); expected "
            "observation.state and action. Images and videos are not supported"
        )
    columns = _columns(source, (_EPISODE, _FRAME, _ACTION, *parts), _OPTIONAL)
    episodes, notes = _episodes(source.name, columns, parts)
    widths = {part: int(np.prod(columns[part].shape[1:], dtype=np.int64)) for part in parts}
    notes.insert(0, columns_note(widths))
    if left_out := sorted(key for key in features if key.startswith(_OBSERVATION) and key not in parts):
        notes.insert(1, f"left out {names(left_out)}: images, videos and other columns without one row of numbers")
    demos = from_episodes(source.name, episodes, hints=hints, notes=notes)
    total = info.get("total_episodes")
    if isinstance(total, int) and len(episodes) < total:
        raise DemonstrationError(
            f"{source.name}: has {len(episodes)} episodes; expected {total} as meta/info.json says. Download it again"
        )
    return demos


FORMAT = Format("LeRobot dataset", sniff, load, records_boundaries=True, tool="LeRobot")


def _info(folder: Path) -> dict[str, Any]:
    return read_json(folder, folder / "meta" / "info.json", "LeRobot's description")


def _is_row(feature: Mapping[str, Any]) -> bool:
    shape = feature.get("shape")
    return str(feature.get("dtype")).startswith(_NUMBERS) and isinstance(shape, list) and len(shape) <= 1


def _columns(source: Source, needed: Sequence[str], optional: Sequence[str]) -> dict[str, Array]:
    """Return the columns of all files end to end."""
    # Both versions keep their files at these places, so the pattern in info.json need not be followed.
    files = sorted((source.path / "data").glob("chunk-*/*.parquet"))
    if not files:
        raise DemonstrationError(
            f"{source.name}: has no data/chunk-*/*.parquet; download the dataset again, with its data"
        )
    found: dict[str, list[Array]] = {}
    for file in files:
        inside(source.path, file)
        table = columns_of(file, read_parquet(file, (*needed, *optional)), (*needed, *optional))
        if missing := [name for name in needed if name not in table]:
            raise DemonstrationError(f"{file}: has no column {missing[0]!r}; download the dataset again")
        arrays = {name: as_numbers(str(file), name, column) for name, column in table.items()}
        if len({len(array) for array in arrays.values()}) > 1:
            raise DemonstrationError(f"{file}: its columns have different numbers of rows; download it again")
        for name, array in arrays.items():
            found.setdefault(name, []).append(array)
    whole: dict[str, Array] = {}
    for name, parts in found.items():
        if len(parts) < len(files):
            continue  # some files lack this optional column
        if len({part.shape[1:] for part in parts}) > 1:
            raise DemonstrationError(
                f"{source.name}: {name!r} has shapes {sorted({part.shape[1:] for part in parts})[:5]} in its files; "
                "expected one. Download the dataset again"
            )
        whole[name] = np.concatenate(parts)
    return whole


def _episodes(
    source: str, columns: Mapping[str, Array], parts: Sequence[str]
) -> tuple[list[dict[str, Array]], list[str]]:
    number, frame = _index(source, columns, _EPISODE), _index(source, columns, _FRAME)
    order = np.lexsort((frame, number))
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    rows: dict[str, Array] = {
        "observations": side_by_side(source, {part: columns[part][order] for part in parts}),
        "actions": columns[_ACTION][order],
    }
    if _REWARD in columns:
        rows["rewards"] = columns[_REWARD][order].reshape(len(order), -1)
    flags = {"terminated": _TERMINATED, "truncated": _TRUNCATED} if _TERMINATED in columns else {"dones": _DONE}
    found = {role: columns[name][order] for role, name in flags.items() if name in columns}
    episodes, early = [], 0
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        steps = frame[order[start:stop]]
        if (np.diff(steps) != 1).any():
            raise DemonstrationError(
                f"{source}: episode {number[order[start]]} has frames {steps[:5]} to {steps[-1]}, of which some are "
                "missing or repeated; expected each once. Download the dataset again"
            )
        episode = {role: array[start:stop] for role, array in rows.items()}
        for role, flag in found.items():
            label = f"{source}: episode {number[order[start]]}"
            episode[role], more = last_done(label, as_flags(label, role, flag[start:stop], stop - start))
            early += more
        episodes.append(episode)
    marked = f"{early} frames before the last of their episode are marked as done: the episode goes on"
    return episodes, [marked] if early else []


def _index(source: str, columns: Mapping[str, Array], name: str) -> Array:
    found = columns[name]
    if found.size != len(found) or found.dtype.kind not in "iu" or (len(found) and found.min() < 0):
        raise DemonstrationError(f"{source}: {name!r} has dtype {found.dtype}; expected whole numbers from 0 on")
    return found.reshape(-1).astype(np.int64)
