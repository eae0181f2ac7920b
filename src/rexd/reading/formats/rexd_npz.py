"""rexd's own file: every field of every trajectory, without loss, in an npz that numpy can open.

The rows of all trajectories are stored end to end, beside a JSON header with their lengths and dtypes. The members are
not compressed, so that a file never takes much more memory than its size.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.choices import ActionCount
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.streamed import joined, lengths_of
from rexd.demos.trajectory import Array, Trajectory
from rexd.errors import DemonstrationError
from rexd.files import atomic_path
from rexd.reading.containers.guards import check_file, naming_damage
from rexd.reading.containers.npz import check_claims, memory_limit, open_member, read_npy
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import WrittenFormat
from rexd.reading.rows.hints import Hints

_FORMAT = "rexd.demonstrations"
_VERSION = 1

_HEADER = "rexd"
_NEEDED = ("observations", "actions", "next_observations", "terminated", "truncated", "next_known")
FIELDS = (*_NEEDED, "rewards", "steps")


def save_demonstrations(demos: Demonstrations, path: str | Path) -> Path:
    """Write demonstrations so that ``load_demonstrations`` gives back the same arrays, dtypes and notes.

    Args:
        demos: The demonstrations, which are written with their unused rows.
        path: The file, which is replaced in one step if it exists.

    Returns:
        The path of the file.

    Raises:
        DemonstrationError: The arrays of one field have dtypes that no common dtype holds exactly.
    """
    rows = joined(demos.trajectories, demos.unused)
    dtypes: dict[str, list[str | None]] = {name: [] for name in FIELDS}
    for t in rows:
        for name in FIELDS:
            array = getattr(t, name)
            dtypes[name].append(None if array is None else array.dtype.str)
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "trajectories": len(demos.trajectories),
        "lengths": lengths_of(rows).tolist(),
        "dtypes": dtypes,
        "origin": demos.source,  # for people who open the file; rexd's messages name the file itself
        "offsets": list(demos.offsets),
        "n_actions": demos.n_actions,
        "notes": list(demos.notes),
        "env_id": demos.env_id,
        **({"column_names": list(demos.column_names)} if demos.column_names else {}),
    }
    target = Path(path)
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in FIELDS:
            dtype = _common(demos.source, name, {np.dtype(text) for text in dtypes[name] if text is not None})
            if dtype is not None:
                present = [text is not None for text in dtypes[name]]
                _write(archive, name, dtype, int(lengths_of(rows)[present].sum()), rows)
        with archive.open(f"{_HEADER}.npy", "w") as member:
            np.lib.format.write_array(member, np.frombuffer(json.dumps(header).encode(), np.uint8))
    return target


def sniff(source: Source) -> bool:
    """Whether the file is a zip archive with rexd's header in it."""
    return f"{_HEADER}.npy" in source.zip_members


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read what ``save_demonstrations`` wrote.

    Raises:
        DemonstrationError: The file is cut short, damaged, of a later version, or claims more than it holds.
    """
    path = source.path
    size = check_file(path)
    with naming_damage(path, "the npz of save_demonstrations"):
        return _build(path, _read_arrays(path, memory_limit(size)))


FORMAT = WrittenFormat(
    "rexd npz",
    sniff,
    load,
    records_boundaries=True,
    target="npz",
    tool="rexd",
    suffixes=(".npz",),
    holds="everything",
    save=save_demonstrations,
)


def _common(source: str, name: str, dtypes: Collection[np.dtype[Any]]) -> np.dtype[Any] | None:
    """Return the dtype in which to store arrays of these dtypes, which the header lists; None if there is none."""
    if not dtypes:
        return None
    found = np.result_type(*dtypes)
    exact = all(np.can_cast(dtype, found, "safe") for dtype in dtypes)
    if found.hasobject or not exact or found.kind not in {dtype.kind for dtype in dtypes}:
        raise DemonstrationError(
            f"{source}: {name} have the dtypes {sorted(map(str, dtypes))}, which no common dtype holds exactly; "
            "convert them to one dtype before saving"
        )
    return found


def _write(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], count: int, rows: Iterable[Trajectory]) -> None:
    """Write one field of all trajectories end to end, as ``numpy.savez`` does, but one trajectory at a time."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        begun = False
        for t in rows:
            array = getattr(t, name)
            if array is None:
                continue
            if not begun:
                header = {"descr": dtype.str, "fortran_order": False, "shape": (count, *array.shape[1:])}
                np.lib.format.write_array_header_1_0(member, header)
                begun = True
            member.write(np.ascontiguousarray(array, dtype).data)


def _read_arrays(path: Path, limit: int) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_claims(str(path), members, limit)
        arrays: dict[str, Array] = {}
        for item in members:
            with open_member(path, item) as stream:
                # rexd pickles nothing in its own files, so read_npy gets no unpickler
                arrays[item.filename.removesuffix(".npy")] = read_npy(
                    stream, str(path), member=item.filename, size=item.file_size
                )
        return arrays


def _build(path: Path, arrays: dict[str, Array]) -> Demonstrations:
    header = json.loads(arrays[_HEADER].tobytes())
    if header["format"] != _FORMAT or header["version"] != _VERSION:
        raise DemonstrationError(
            f"{path}: is {str(header['format'])[:60]!r} version {header['version']}; expected {_FORMAT!r} version "
            f"{_VERSION}. A later version needs a later rexd"
        )
    lengths = [int(n) for n in header["lengths"]]
    if any(n < 1 for n in lengths) or not 1 <= header["trajectories"] <= len(lengths):
        raise DemonstrationError(f"{path}: the header's lengths of trajectories are impossible; write it again")
    absent = [None] * len(lengths)
    dtypes = {"steps": absent, **header["dtypes"]}  # the first files of the format have no steps
    columns = {name: _split(path, name, arrays.get(name), lengths, dtypes[name]) for name in FIELDS}
    built = [_trajectory(path, number, columns) for number in range(len(lengths))]
    count = int(header["trajectories"])
    return Demonstrations(
        trajectories=tuple(built[:count]),
        unused=tuple(built[count:]),
        source=str(path),
        offsets=tuple(int(o) for o in header["offsets"]),
        n_actions=_count(header["n_actions"]),
        notes=tuple(str(note) for note in header["notes"]),
        env_id=None if header["env_id"] is None else str(header["env_id"]),
        column_names=tuple(map(str, header.get("column_names", ()))),
    )


def _count(found: Any) -> ActionCount | None:
    return tuple(map(int, found)) if isinstance(found, list) else None if found is None else int(found)


def _split(
    path: Path, name: str, array: Array | None, lengths: list[int], dtypes: list[str | None]
) -> list[Array | None]:
    expected = sum(n for n, dtype in zip(lengths, dtypes, strict=True) if dtype is not None)
    found = 0 if array is None else len(array)
    if found != expected:
        raise DemonstrationError(f"{path}: {name} has {found} rows; expected {expected} from the header's lengths")
    pieces: list[Array | None] = []
    start = 0
    for length, dtype in zip(lengths, dtypes, strict=True):
        if dtype is None or array is None:
            pieces.append(None)
            continue
        wanted = np.dtype(dtype)
        if not np.can_cast(wanted, array.dtype, "safe"):
            raise DemonstrationError(f"{path}: {name} is stored as {array.dtype}, which cannot hold {wanted}")
        pieces.append(array[start : start + length].astype(wanted, copy=False))
        start += length
    return pieces


def _trajectory(path: Path, number: int, columns: dict[str, list[Array | None]]) -> Trajectory:
    parts: dict[str, Any] = {name: pieces[number] for name, pieces in columns.items()}
    if missing := [name for name in _NEEDED if parts[name] is None]:
        raise DemonstrationError(f"{path}: trajectory {number} has no {missing[0]}; write the file again")
    try:
        return Trajectory(**parts)
    except DemonstrationError as error:
        raise DemonstrationError(f"{path}: trajectory {number}: {error}") from error
