"""Text files in one folder, one for each of observations, actions and optionally rewards, ends and the like.

https://github.com/uidilr/gail_ppo_tf writes such files (``observations.csv`` and ``actions.csv``), and so do many
scripts. The user may name any of the files, or the folder. A word in the name of a file tells what it holds; the rest
of the names must agree (``hopper_obs_1.txt`` belongs to ``hopper_acts_1.txt``).
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.csv import Table
from rexd.reading.containers.source import Source
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.csv_table import whole
from rexd.reading.formats.format import Format
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NAMES, NEEDED

_SUFFIXES = (".csv", ".txt", ".tsv", ".dat")
_MOST_FILES = 1000
_ROLES = {
    **{spelling: role for role, spellings in NAMES.items() for spelling in spellings},
    "episode_starts": "episode_starts",
    "lengths": "lengths",
}
_WORD = re.compile(rf"(?<![a-z])({'|'.join(sorted(_ROLES, key=len, reverse=True))})(?![a-z])")


def sniff(source: Source) -> bool:
    """Whether this is one file of a set with observations and actions, or a folder with exactly one such set."""
    return _find(source) is not None


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read each file as one array, under the name of what it holds.

    Raises:
        DemonstrationError: A file holds no numbers, the files do not fit each other, or the boundaries are not clear.
    """
    tables = _find(source)
    if tables is None:
        raise DemonstrationError(f"{source.name}: has no observations and actions side by side; check the path")
    arrays: dict[str, Array] = {role: table.rows() for role, table in tables.items()}
    if tables["actions"].kinds == ("integer",):
        arrays["actions"] = whole(arrays["actions"])
    for role, rows in arrays.items():
        if role not in ("observations", "actions", "next_observations") and rows.shape[1] == 1:
            arrays[role] = rows[:, 0]
    if "episode_starts" in arrays and len(arrays["episode_starts"]) != len(arrays["actions"]):
        arrays["episode_starts"] = whole(arrays["episode_starts"])
    if len(arrays["observations"]) - len(arrays["actions"]) not in (0, 1):  # the last one may be the final observation
        raise DemonstrationError(
            f"{tables['observations'].path}: has {len(arrays['observations'])} rows, and {tables['actions'].path.name} "
            f"beside it {len(arrays['actions'])}; expected the same number, or one more with the final observation. "
            "Write the files again"
        )
    return read_arrays(source.name, arrays, hints)


FORMAT = Format("pair of text tables, observations and actions (CSV)", sniff, load)


def _find(source: Source) -> dict[str, Table] | None:
    """Return the tables by what they hold; None unless there is one of observations and one of actions."""
    if source.is_folder:
        paths = _tables_in(source.path)
        sets = {_pattern(path) for path in paths if _role(path) == "observations"}
        found = [
            tables for pattern in sets if (tables := _read([p for p in paths if _pattern(p) == pattern], source.path))
        ]
        return found[0] if len(found) == 1 else None
    if source.table is None or _role(source.path) is None:
        return None
    beside = [path for path in _tables_in(source.path.parent) if _pattern(path) == _pattern(source.path)]
    return _read([source.path, *(path for path in beside if path != source.path)], source.path.resolve().parent)


def _read(paths: list[Path], folder: Path) -> dict[str, Table] | None:
    found: dict[str, Table] = {}
    home = folder.resolve()
    for path in paths:
        role = _role(path)
        # a link to another folder is not followed
        if role is None or role in found or path.resolve().parent != home:
            continue
        if (table := Source(path).table) is not None:
            found[role] = table
    return found if all(role in found for role in NEEDED) else None


def _tables_in(folder: Path) -> list[Path]:
    try:
        files = [path for path in islice(folder.iterdir(), _MOST_FILES) if path.suffix.lower() in _SUFFIXES]
        return sorted(path for path in files if path.is_file())
    except OSError:
        return []


def _role(path: Path) -> str | None:
    found = _WORD.search(path.stem.lower())
    return None if found is None else _ROLES[found[1]]


def _pattern(path: Path) -> tuple[str, str]:
    """Return the name without the word that tells what the file holds, and the suffix."""
    return _WORD.sub("*", path.stem.lower(), count=1), path.suffix.lower()
