"""Files in one folder that each hold one column of a recording, as the words in their names tell.

The user may name any of the files, or the folder. The rest of the names must agree: ``hopper_obs_1.txt`` belongs to
``hopper_acts_1.txt``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path
from typing import TypeVar

from rexd.reading.containers.source import Source
from rexd.reading.rows.key_names import NAMES, NEEDED

T = TypeVar("T")

_MOST_FILES = 100_000
_ROLES = {
    **{spelling: role for role, spellings in NAMES.items() for spelling in spellings},
    "episode_starts": "episode_starts",
    "lengths": "lengths",
}
_WORD = re.compile(rf"(?<![a-z])({'|'.join(sorted(_ROLES, key=len, reverse=True))})(?![a-z])")


def find_columns(source: Source, suffixes: Collection[str], opened: Callable[[Source], T | None]) -> dict[str, T]:
    """Return what the files hold by their roles: those of the named file's set, or of a folder with exactly one set.

    Args:
        source: One of the files, or their folder.
        suffixes: The suffixes, in lower case, of the files that may belong to a set.
        opened: Returns what a file holds, or None if it holds no column.

    Returns:
        Nothing unless there is one file of observations and one of actions.
    """
    if source.is_folder:
        sets: dict[tuple[str, str], list[Path]] = {}
        for path in _files_in(source.path, suffixes):
            sets.setdefault(_pattern(path), []).append(path)
        found = (columns for paths in sets.values() if (columns := _read(paths, source.path, opened)))
        first, second = next(found, {}), next(found, {})
        return {} if second else first
    role, pattern = _role(source.path), _pattern(source.path)
    if source.path.suffix.lower() not in suffixes or role is None or not source.is_file:
        return {}
    beside = _files_in(source.path.parent, [pattern[1]], *pattern[0].split("*", 1))
    paths = [source.path, *(path for path in beside if path != source.path and _pattern(path) == pattern)]
    return _read(paths, source.path.resolve().parent, opened)


def _read(paths: list[Path], folder: Path, opened: Callable[[Source], T | None]) -> dict[str, T]:
    if not {_role(path) for path in paths} >= set(NEEDED):  # nothing is opened for a file that stands alone
        return {}
    found: dict[str, T] = {}
    home = folder.resolve()
    for path in paths:
        role = _role(path)
        # a link to another folder is not followed
        if role is None or role in found or path.resolve().parent != home:
            continue
        if (column := opened(Source(path))) is not None:
            found[role] = column
    return found if found.keys() >= set(NEEDED) else {}


def _files_in(folder: Path, suffixes: Collection[str], start: str = "", end: str = "") -> list[Path]:
    """Return the files of a folder that have one of the suffixes and whose stems start and end so, in lower case."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, _MOST_FILES):
                stem, suffix = os.path.splitext(entry.name.lower())
                if suffix in suffixes and stem.startswith(start) and stem.endswith(end) and entry.is_file():
                    found.append(folder / entry.name)
    except OSError:
        return []
    return sorted(found)


def _role(path: Path) -> str | None:
    found = _WORD.search(path.stem.lower())
    return None if found is None else _ROLES[found[1]]


def _pattern(path: Path) -> tuple[str, str]:
    """Return the name without the word that tells what the file holds, and the suffix."""
    return _WORD.sub("*", path.stem.lower(), count=1), path.suffix.lower()
