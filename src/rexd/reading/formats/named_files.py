"""Files in one folder that each hold one column of a recording, as the words in their names tell.

The user may name any of the files, or the folder. The rest of the names must agree: ``hopper_obs_1.txt`` belongs to
``hopper_acts_1.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path
from typing import TypeVar

from rexd.reading.containers.source import Source
from rexd.reading.rows.key_names import NAMES, NEEDED

T = TypeVar("T")

_MOST_FILES = 1000
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
        paths = _files_in(source.path, suffixes)
        sets = {_pattern(path) for path in paths if _role(path) == "observations"}
        found = [
            columns
            for pattern in sets
            if (columns := _read([p for p in paths if _pattern(p) == pattern], source.path, opened))
        ]
        return found[0] if len(found) == 1 else {}
    if source.path.suffix.lower() not in suffixes or _role(source.path) is None or not source.is_file:
        return {}
    beside = [path for path in _files_in(source.path.parent, suffixes) if _pattern(path) == _pattern(source.path)]
    paths = [source.path, *(path for path in beside if path != source.path)]
    return _read(paths, source.path.resolve().parent, opened)


def _read(paths: list[Path], folder: Path, opened: Callable[[Source], T | None]) -> dict[str, T]:
    home = folder.resolve()
    # a link to another folder is not followed
    paths = [path for path in paths if _role(path) is not None and path.resolve().parent == home]
    if not {_role(path) for path in paths} >= set(NEEDED):  # nothing is opened for a file that stands alone
        return {}
    found: dict[str, T] = {}
    for path in paths:
        role = _role(path)
        if role is not None and role not in found and (column := opened(Source(path))) is not None:
            found[role] = column
    return found if found.keys() >= set(NEEDED) else {}


def _files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    try:
        files = [path for path in islice(folder.iterdir(), _MOST_FILES) if path.suffix.lower() in suffixes]
        return sorted(path for path in files if path.is_file())
    except OSError:
        return []


def _role(path: Path) -> str | None:
    found = _WORD.search(path.stem.lower())
    return None if found is None else _ROLES[found[1]]


def _pattern(path: Path) -> tuple[str, str]:
    """Return the name without the word that tells what the file holds, and the suffix."""
    return _WORD.sub("*", path.stem.lower(), count=1), path.suffix.lower()
