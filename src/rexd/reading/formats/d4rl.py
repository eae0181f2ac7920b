"""D4RL's HDF5 files (https://github.com/Farama-Foundation/D4RL): rows end to end, with the ends of episodes marked.

``terminals`` marks terminal states, and ``timeouts`` marks the rows at which an episode was truncated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos import streamed
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, RexdError, import_extra
from rexd.files import atomic_path
from rexd.reading.containers.guards import MAX_FILE_BYTES, check_file
from rexd.reading.containers.hdf5 import is_numbers, numbers
from rexd.reading.containers.source import Source
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.format import WrittenFormat
from rexd.reading.rows.ends.boundary_keys import FLAGS, read_ends
from rexd.reading.rows.from_blocks import Rows, from_blocks
from rexd.reading.rows.from_keys import from_keys, lengths_by_key, unused_notes
from rexd.reading.rows.hints import Hints

_NEEDED = {"observations", "actions"}
_ENDS = {"terminals", "timeouts"}
_ROLES = {
    "observations": "observations",
    "actions": "actions",
    "next_observations": "next_observations",
    "rewards": "rewards",
    "terminals": "terminated",
    "timeouts": "truncated",
}
_NAMES = {"terminals": "terminated"}  # in other layouts of this name time limits are marked too


def sniff(source: Source) -> bool:
    """Whether an HDF5 file has observations, actions, and terminals or timeouts."""
    keys = set(source.hdf5_keys)
    return keys >= _NEEDED and bool(keys & _ENDS)


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read the arrays, and cut them into trajectories.

    Raises:
        MissingExtraError: h5py is not installed.
        UnsafeFileError: The file refers to other files.
        DemonstrationError: The file is damaged, or its arrays do not fit each other.
    """
    with source.open_hdf5() as file:
        present = {key: role for key, role in _ROLES.items() if key in _NEEDED or is_numbers(file.get(key))}
        apart = is_numbers(file.get("observations")) and file["observations"].ndim == 3
        if apart:  # trajectories that are not joined, or steps of several environments: not streamed
            check_file(source.path, max_bytes=MAX_FILE_BYTES)
        large = not apart and source.hdf5_claims > streamed.STREAM_BYTES
        streams = large and all(is_numbers(file.get(key)) for key in present)
        columns = {key: role for key, role in present.items() if role not in FLAGS}
        rows = (getattr(file["observations"], "shape", None) or (0,))[0]
        read = [key for key in file if key not in present and is_numbers(file.get(key)) and file[key].size <= rows]
        read += [key for key in present if not streams or key not in columns]
        # Keys that are not read are kept as None, so that the note of ignored keys names them.
        content = {_NAMES.get(key, key): numbers(source.name, file, key) if key in read else None for key in file}
    observations = content["observations"]
    if apart and observations is not None and observations.shape[1] > 1:
        return read_arrays(source.name, content, hints)
    if not streams:
        return from_keys(source.name, content, hints=hints)
    return _streamed(source, {role: key for key, role in columns.items()}, content, hints)


def _streamed(source: Source, keys: Mapping[str, str], content: Mapping[Any, Any], hints: Hints) -> Demonstrations:
    @contextmanager
    def opened() -> Iterator[Rows]:
        with source.open_hdf5() as file:
            yield lambda role, start, stop: numbers(source.name, file, keys[role], slice(start, stop))

    with source.open_hdf5() as file:
        lengths = {key: len(file[key]) for key in _ROLES if is_numbers(file.get(key))}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{key} {rows}" for key, rows in lengths.items())
        raise DemonstrationError(f"{source.name}: has rows of {found}; expected the same number. Write the file again")
    rows = lengths["observations"]
    hints, asked = lengths_by_key(source.name, content, rows, hints)
    keyed = read_ends(source.name, content, rows)
    demos = from_blocks(source.name, rows, keys.keys(), opened, recorded=keyed.ends, hints=hints, notes=keyed.notes)
    unused = [key for key in content if key not in {*keys.values(), *keyed.used, *asked}]
    return replace(demos, notes=(*demos.notes, *unused_notes(content, unused, rows, len(demos))))


def save_d4rl(demos: Demonstrations, path: str | Path) -> Path:
    """Write demonstrations in D4RL's layout; ``load_demonstrations`` gives back the same arrays and dtypes.

    Args:
        demos: The demonstrations. If any next observation is not known, next observations are left out of the file.
        path: The file, which is replaced in one step if it exists.

    Returns:
        The path of the file.

    Raises:
        MissingExtraError: h5py is not installed.
        DemonstrationError: The layout cannot hold the demonstrations: rows are missing, or dtypes differ.
    """
    h5py = import_extra("h5py", "minari")
    target = Path(path)
    if len(demos.unused):
        raise _lost(demos, "rows that a selection left out")
    with atomic_path(target) as temporary:
        with h5py.File(temporary, "w") as file:
            _write(demos, file)
        _check_reads_back(demos, temporary)
    return target


FORMAT = WrittenFormat(
    "D4RL HDF5",
    sniff,
    load,
    streams=True,
    target="d4rl",
    tool="D4RL",
    suffixes=(".hdf5", ".h5"),
    holds="rows",
    save=save_d4rl,
)


def _write(demos: Demonstrations, file: Any) -> None:
    """Write the rows of all trajectories end to end, with an end marked at the last row of each."""
    unknown = unpaid = False
    for t in demos:
        unknown = unknown or not t.next_known.all()
        unpaid = unpaid or t.rewards is None
    left_out = {role for role, absent in (("next_observations", unknown), ("rewards", unpaid)) if absent}
    start = 0
    for t in demos:
        stop = start + len(t)
        for key, role in _ROLES.items():
            if role in left_out:
                continue
            values = getattr(t, role)
            if role == "truncated" and not t.terminated[-1]:
                values = values.copy()
                values[-1] = True
            if not start:
                file.create_dataset(key, (demos.n_transitions, *values.shape[1:]), values.dtype)
            if values.dtype != file[key].dtype:
                dtypes = ", ".join(sorted({str(values.dtype), str(file[key].dtype)}))
                raise DemonstrationError(
                    f"{demos.source}: {role.replace('_', ' ')} have the dtypes {dtypes}; expected one for all "
                    "trajectories, as D4RL's layout has one array for all. Save them as npz or as a Minari dataset"
                )
            file[key][start:stop] = values
        start = stop


def _check_reads_back(demos: Demonstrations, written: Path) -> None:
    """Refuse demonstrations that this layout cannot hold, as reading the file shows."""
    try:
        read = load(Source(written), Hints())
    except RexdError as error:
        raise _lost(demos, "ends of its trajectories") from error
    if len(read) != len(demos) or not all(map(_equal, read, demos)):
        raise _lost(demos, "ends or next observations of its trajectories")


def _lost(demos: Demonstrations, lost: str) -> DemonstrationError:
    return DemonstrationError(
        f"{demos.source}: D4RL's layout cannot hold the {lost}; expected whole trajectories, step after step. Save "
        "them as npz (save_demonstrations)"
    )


def _equal(read: Trajectory, made: Trajectory) -> bool:
    if len(read) != len(made) or not np.array_equal(read.terminated, made.terminated):
        return False
    if not np.array_equal(read.truncated[:-1], made.truncated[:-1]):
        return False
    following, given = read.next_observations, made.next_observations
    return (
        following.dtype == given.dtype
        and np.array_equal(following, given)
        and np.array_equal(read.next_known, made.next_known)
    )
