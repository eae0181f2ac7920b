"""The error for a file or folder of no known format, which says what was found and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from rexd.errors import DemonstrationError
from rexd.reading.containers.guards import check_file
from rexd.reading.containers.source import NOTHING, Source
from rexd.reading.formats import FORMATS
from rexd.reading.rows.key_names import items
from rexd.reading.rows.stacking import names

_SHOWN = 8


def unknown(source: Source) -> DemonstrationError:
    """Return the error for a source that no format recognises.

    Raises:
        DemonstrationError: There is no such file, or it cannot be a data file at all.
    """
    known = "; ".join(item.name for item in FORMATS)
    mend = (
        "Build Trajectory.from_steps(observations, actions) for each episode, and save Demonstrations(...) with "
        "save_demonstrations"
    )
    if source.is_folder:
        mend = f"Name a file in it, the folder that holds the data, or a pattern such as '{source.name}/*'. {mend}"
    else:
        check_file(source.path)  # raises the error if there is no such file
        if source.head.startswith(b"PK\x03\x04") and not source.zip_members:
            return DemonstrationError(
                f"{source.name}: is an npz or zip cut short or damaged; write or download it again"
            )
    return DemonstrationError(f"{source.name}: is {_found(source)}; expected one of: {known}. {mend}")


def _found(source: Source) -> str:
    """Describe a source in a few words."""
    if source.is_folder:
        return _folder(source)
    if source.content is not NOTHING:
        return f"{source.container} {_kind(source.content)}{_inside(source.content)}"
    if len(source.npz):
        arrays = (f"{name} ({_array(source.npz[name])})" for name in source.npz)
        return f"an npz of {_first(arrays, len(source.npz))}"
    if source.zip_members:
        return f"a zip archive of {_first(source.zip_members, len(source.zip_members))}"
    if source.is_hdf5:
        return f"an HDF5 file of {_first(source.hdf5_keys, len(source.hdf5_keys))}"
    if source.is_text:
        start = source.head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").split("\n")[0]
        return f"text without a row of numbers that could be read (it begins {start.strip()[:40]!r})"
    return f"none of the formats that rexd reads (it begins with the bytes {source.head[:8].hex(' ')})"


def _folder(source: Source) -> str:
    try:
        inside = sorted(item.name for item in islice(source.path.iterdir(), 1000))
    except OSError as error:
        raise DemonstrationError(f"{source.name}: cannot be read ({error.strerror or error})") from error
    return f"a folder of {_first(inside, len(inside))}" if inside else "an empty folder"


def _inside(content: Any, deep: int = 4) -> str:
    """Describe what an object contains, at most ``deep`` levels of it."""
    if isinstance(content, Mapping):
        return f" of {names(content)}"
    if isinstance(content, np.ndarray) and not content.dtype.hasobject:
        return f" ({_array(content)})"
    inner = items(content)
    if not len(inner) or not deep:  # a list may hold itself
        return ""
    return f" of {len(inner)}, the first: {_kind(inner[0])}{_inside(inner[0], deep - 1)}"[:200]


def _kind(value: Any) -> str:
    return "array" if isinstance(value, np.ndarray) else type(value).__name__


def _array(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.hasobject and not array.ndim:
        return _kind(array.item())
    return f"{array.dtype} of shape {array.shape}"


def _first(parts: Iterable[Any], count: int) -> str:
    shown = ", ".join(map(str, islice(parts, _SHOWN)))  # h5py returns bytes for a damaged name
    return f"{shown} and {count - _SHOWN} more" if count > _SHOWN else shown
