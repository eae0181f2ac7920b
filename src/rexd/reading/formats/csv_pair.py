"""Text files in one folder, one for each of observations, actions and optionally rewards, ends and the like.

https://github.com/uidilr/gail_ppo_tf writes such files (``observations.csv`` and ``actions.csv``), and so do many
scripts. A word in the name of a file tells what it holds (``rexd.reading.formats.named_files``).
"""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.containers.csv import Table
from rexd.reading.containers.source import Source
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.csv_table import whole
from rexd.reading.formats.format import Format
from rexd.reading.formats.named_files import find_columns
from rexd.reading.rows.hints import Hints

_SUFFIXES = (".csv", ".txt", ".tsv", ".dat")


def sniff(source: Source) -> bool:
    """Whether this is one file of a set with observations and actions, or a folder with exactly one such set."""
    return bool(_find(source))


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read each file as one array, under the name of what it holds.

    Raises:
        DemonstrationError: A file holds no numbers, the files do not fit each other, or the boundaries are not clear.
    """
    tables = _find(source)
    if not tables:
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


FORMAT = Format(
    "pair of text tables, observations and actions (CSV)",
    sniff,
    load,
    files=lambda source: [table.path for table in _find(source).values()],
)


def _find(source: Source) -> dict[str, Table]:
    """Return the tables by what they hold; nothing unless there is one of observations and one of actions."""
    return find_columns(source, _SUFFIXES, lambda file: file.table)
