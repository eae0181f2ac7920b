"""The folder in which imitation saves trajectories: a Hugging Face dataset with one row for each trajectory.

``imitation.data.serialize.save`` (https://imitation.readthedocs.io) writes ``dataset_info.json`` and ``state.json``
beside ``data-*.arrow``. The columns are ``obs`` with one observation more than actions, ``acts``, ``infos``,
``terminal`` and, if rewards are known, ``rews``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.arrow import as_lists, as_numbers, columns_of, read_ipc
from rexd.reading.containers.folders import inside, read_json
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import Format
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints

_LISTS = {"obs": "observations", "acts": "actions", "rews": "rewards"}
_NEEDED = ("obs", "acts", "terminal")
_EXPECTED = "a dataset's description"


def sniff(source: Source) -> bool:
    """Whether this is the folder of a Hugging Face dataset, or of a dict of its splits, with imitation's columns."""
    if not source.is_folder:
        return False
    try:
        folder = _folder(source.path)
        features = read_json(folder, folder / "dataset_info.json", _EXPECTED).get("features")
    except UnsafeFileError:
        raise
    except DemonstrationError:
        return False
    return isinstance(features, dict) and features.keys() >= set(_NEEDED) and (folder / "state.json").is_file()


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read all trajectories; the infos, which are pickles stored as text, are not read.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UnsafeFileError: The folder refers to files outside itself.
        DemonstrationError: A file is missing or damaged, or its columns do not fit each other.
    """
    columns: dict[str, list[Any]] = {}
    for file in _files(_folder(source.path)):
        table = columns_of(file, read_ipc(file), (*_LISTS, "terminal"))
        if missing := [name for name in _NEEDED if name not in table]:
            raise DemonstrationError(f"{file}: has no column {missing[0]!r}; save the dataset again")
        ends = as_numbers(str(file), "terminal", table["terminal"])
        if ends.dtype.kind not in "biu" or ends.ndim != 1:
            raise DemonstrationError(
                f"{file}: 'terminal' has dtype {ends.dtype}; expected one truth value for each row"
            )
        columns.setdefault("dones", []).extend(bool(end) for end in ends)  # true at a time limit too
        for name, role in _LISTS.items():
            found: list[Array | None] = [None] * len(ends)
            if name in table:
                found = list(as_lists(str(file), name, table[name]))
            columns.setdefault(role, []).extend(found)
    rows = zip(*columns.values(), strict=True)
    episodes = [{role: value for role, value in zip(columns, row, strict=True) if value is not None} for row in rows]
    notes = ["ignored 'infos' of the trajectories, which imitation keeps as text that may hold any object"]
    return from_episodes(source.name, episodes, hints=hints, notes=notes)


FORMAT = Format("imitation dataset folder", sniff, load, records_boundaries=True, tool="imitation")


def _folder(path: Path) -> Path:
    """Return the folder of the dataset itself; a dict of datasets has one folder for each split."""
    listed = path / "dataset_dict.json"
    if not listed.is_file():
        return path
    splits = read_json(path, listed, _EXPECTED).get("splits")
    found = [name for name in splits if isinstance(name, str)] if isinstance(splits, list) else []
    split = "train" if "train" in found else "".join(found[:1])
    if not split or Path(split).name != split or split == "..":
        raise DemonstrationError(f"{listed}: names no split; expected train. Save the dataset again")
    return inside(path, path / split)


def _files(folder: Path) -> list[Path]:
    state = folder / "state.json"
    listed = read_json(folder, state, _EXPECTED).get("_data_files")
    items = listed if isinstance(listed, list) else []
    found = [item.get("filename") if isinstance(item, dict) else None for item in items]
    if not found or not all(isinstance(name, str) for name in found):
        raise DemonstrationError(f"{state}: lists no data files; save the dataset again")
    names = list(map(str, found))
    for name in names:
        if Path(name).name != name or name in ("", ".", ".."):
            raise UnsafeFileError(
                f"{state}: refers to the file {name[:200]!r} outside of the folder, which was not opened; save the "
                "dataset again"
            )
    return [inside(folder, folder / name) for name in names]
