"""One Parquet file: a row for each step, or a row for each episode, with columns under the names that tools use.

Rows of steps have the columns of a text table (``rexd.reading.formats.csv_table``), or lists in one column
(``observation``, ``action``). Rows of episodes have lists of rows. https://parquet.apache.org is the container.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.reading.containers.arrow import as_lists, as_numbers, columns_of, parquet_kinds, read_parquet
from rexd.reading.containers.source import Source
from rexd.reading.formats.csv_table import assign, check_complete, read_named, whole
from rexd.reading.formats.format import Format, ignored_note
from rexd.reading.rows.from_episodes import from_episodes
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.key_names import NEEDED, find_keys
from rexd.reading.rows.side_by_side import side_by_side
from rexd.reading.rows.stacking import names

Kinds = Mapping[str, tuple[str, int]]
"""What each column holds, and within how many lists, as ``parquet_kinds`` returns it."""

_DISCRETE = (("integer", 0), ("truth", 0))


def sniff(source: Source) -> bool:
    """Whether a Parquet file has columns of observations and of actions."""
    if not source.head.startswith(b"PAR1"):
        return False
    kinds = parquet_kinds(source.path)
    return _of_episodes(kinds) or assign_columns(kinds)[1].keys() >= set(NEEDED)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the columns, and cut the rows where episodes change, unless each row is an episode.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DemonstrationError: The file is damaged, a column has missing values, or the boundaries are not clear.
    """
    kinds = parquet_kinds(source.path)
    if _of_episodes(kinds):
        keys = {role: key for role, key in find_keys(kinds).items() if kinds[key][0] != "text"}
        arrays = _read(source, [(key, kinds[key][1] > 0) for key in keys.values()])
        episodes = [dict(zip(keys, row, strict=True)) for row in zip(*arrays, strict=True)]
        notes = ignored_note(key for key in kinds if key not in keys.values())
        return from_episodes(source.name, episodes, hints=hints, notes=notes)
    header, roles, ignored, notes = assign_columns(kinds)
    check_complete(source.name, header, roles)
    known = list(kinds)
    counts = [number for number in ignored if kinds[known[number]] == ("integer", 0)]
    every = [known[number] for numbers in (*roles.values(), counts) for number in numbers]
    columns = dict(zip(every, _read(source, [(label, False) for label in every]), strict=True))
    found: dict[str, Array] = {}
    for role, numbers in roles.items():
        found[role] = side_by_side(source.name, {known[number]: columns[known[number]] for number in numbers})
        if role == "actions" and [kinds[known[number]] in _DISCRETE for number in numbers] == [True]:
            found[role] = whole(found[role])
    labels = {role: [header[number] for number in numbers] for role, numbers in roles.items()}
    others = {header[number]: columns.get(known[number]) for number in ignored}
    return read_named(source.name, found, labels, others, hints, notes)


FORMAT = Format("table in a Parquet file", sniff, load)


def _of_episodes(kinds: Kinds) -> bool:
    keys = find_keys(kinds)
    return keys.keys() >= set(NEEDED) and kinds[keys["observations"]][1] > 1 and kinds[keys["actions"]][1] > 0


def assign_columns(kinds: Kinds) -> tuple[list[str], dict[str, list[int]], list[int], list[str]]:
    """Return the header, the numbers of the columns of each role and of others, and notes; images go."""
    header, held = [name.lower() for name in kinds], [kind for kind, _ in kinds.values()]
    usable = [kind if depth == 0 and not name.startswith("__") else "list" for name, (kind, depth) in kinds.items()]
    roles, ignored, notes = assign(header, usable)
    for role in ("observations", "next_observations"):
        left = [number for number in roles.get(role, ()) if held[number] == "text"]
        if left and len(left) < len(roles[role]):
            roles[role] = [number for number in roles[role] if number not in left]
            notes.append(f"left out {names(header[n] for n in left)}: images and other columns that are no numbers")
    return header, roles, ignored, notes


def _read(source: Source, columns: Sequence[tuple[str, bool]]) -> list[Any]:
    """Return columns as one array of all rows, or as one array for each row."""
    wanted = [name for name, _ in columns]
    table = columns_of(source.path, read_parquet(source.path, wanted), wanted)
    return [(as_lists if apart else as_numbers)(source.name, name, table[name]) for name, apart in columns]
