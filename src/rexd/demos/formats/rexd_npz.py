"""rexd's own file: every field of every trajectory, without loss, in an npz that numpy can open.

Rows of all trajectories are stored one after another, beside a JSON header with their lengths and dtypes. Members
are not compressed, so that a file never takes much more memory than its size.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.arrays import check_claims, memory_limit, read_npy
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.filecheck import check_file
from rexd.demos.formats.format import Format
from rexd.demos.hints import Hints
from rexd.demos.source import Source
from rexd.demos.trajectory import Array, Trajectory
from rexd.errors import DemonstrationError, RexdError
from rexd.files import atomic_path

_FORMAT = "rexd.demonstrations"
_VERSION = 1

_HEADER = "rexd"
_NEEDED = ("observations", "actions", "next_observations", "terminated", "truncated", "next_known")
_FIELDS = (*_NEEDED, "rewards", "steps")


def save_demonstrations(demos: Demonstrations, path: str | Path) -> Path:
    """Write demonstrations so that ``load_demonstrations`` gives back the same arrays, dtypes and notes.

    Args:
        demos: What to write, unused rows included.
        path: The file, replaced in one step if it exists.

    Returns:
        The path written.
    """
    rows = (*demos.trajectories, *demos.unused)
    arrays: dict[str, Array] = {}
    dtypes: dict[str, list[str | None]] = {}
    for name in _FIELDS:
        present = [getattr(t, name) for t in rows]
        dtypes[name] = [None if a is None else a.dtype.str for a in present]
        parts = [a for a in present if a is not None]
        if parts:
            arrays[name] = _join(demos.source, name, parts)
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "trajectories": len(demos.trajectories),
        "lengths": [len(t) for t in rows],
        "dtypes": dtypes,
        "origin": demos.source,  # for whoever opens the file; messages name the file itself
        "offsets": list(demos.offsets),
        "n_actions": demos.n_actions,
        "notes": list(demos.notes),
        "env_id": demos.env_id,
    }
    arrays[_HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    target = Path(path)
    with atomic_path(target) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
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
    try:
        return _build(path, _read_arrays(path, memory_limit(size)))
    except RexdError:
        raise
    except Exception as error:  # zip, JSON and numpy headers raise many kinds on damaged bytes
        raise DemonstrationError(
            f"{path}: is cut short or damaged ({type(error).__name__}: {str(error)[:200]}); expected a file of "
            "save_demonstrations, write or download it again"
        ) from error


FORMAT = Format("rexd npz", sniff, load, save=save_demonstrations, records_boundaries=True)


def _join(source: str, name: str, parts: Sequence[Array]) -> Array:
    """Rows of all trajectories in one dtype that holds each exactly; their own dtypes stand in the header."""
    joined = np.concatenate(parts)
    exact = all(np.can_cast(part.dtype, joined.dtype, "safe") for part in parts)
    kinds = {part.dtype.kind for part in parts}
    if joined.dtype.hasobject or not exact or (joined.dtype.kind not in kinds):
        raise DemonstrationError(
            f"{source}: {name} have the dtypes {sorted({str(p.dtype) for p in parts})}, which no common one holds "
            "exactly; convert them to one dtype before saving"
        )
    return joined


def _read_arrays(path: Path, limit: int) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_claims(str(path), members, limit)
        arrays: dict[str, Array] = {}
        for item in members:
            with archive.open(item) as stream:
                # nothing of rexd's own is pickled, so nothing is unpickled either
                arrays[item.filename.removesuffix(".npy")] = read_npy(stream, str(path), member=item.filename)
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
    dtypes = {"steps": absent, **header["dtypes"]}  # steps are younger than the format
    columns = {name: _split(path, name, arrays.get(name), lengths, dtypes[name]) for name in _FIELDS}
    built = [_trajectory(path, number, columns) for number in range(len(lengths))]
    count = int(header["trajectories"])
    return Demonstrations(
        trajectories=tuple(built[:count]),
        unused=tuple(built[count:]),
        source=str(path),
        offsets=tuple(int(o) for o in header["offsets"]),
        n_actions=None if header["n_actions"] is None else int(header["n_actions"]),
        notes=tuple(str(note) for note in header["notes"]),
        env_id=None if header["env_id"] is None else str(header["env_id"]),
    )


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
