"""The error for a file or folder of no known format, which says what was found and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from rexd.errors import DemonstrationError
from rexd.reading.advice.key_guesses import expected_names
from rexd.reading.advice.other_kinds import other_kind
from rexd.reading.containers.guards import check_file
from rexd.reading.containers.source import NOTHING, Source
from rexd.reading.rows.key_names import has_needed, items
from rexd.reading.rows.stacking import names

_SHOWN = 8
_READ = 10_000  # names that are compared with the expected ones
_LISTED = "rexd inspect --formats lists what rexd reads"
_BUILD = (
    "Build Trajectory.from_steps(observations, actions) for each episode, and save Demonstrations(...) with "
    "save_demonstrations"
)


def unknown(source: Source) -> DemonstrationError:
    """Return the error for a source that no format recognises: what it is, and one next step.

    Raises:
        DemonstrationError: There is no such file, or it cannot be a data file at all.
    """
    if not source.is_folder:
        check_file(source.path)  # raises the error if there is no such file
        if source.head.startswith(b"PK\x03\x04") and not source.zip_members:
            return DemonstrationError(
                f"{source.name}: is an npz or zip cut short or damaged; write or download it again"
            )
    known = other_kind(source)
    if known is not None:
        what, step = known
        return DemonstrationError(f"{source.name}: is {what}; expected recorded observations and actions. {step}")
    keys = _keys(source)
    if keys:
        return DemonstrationError(f"{source.name}: is {_found(source)}; {expected_names(keys)}. {_LISTED}")
    folder = f"Name a file in it, the folder that holds the data, or a pattern such as '{source.name}/*'"
    step = folder if source.is_folder else _BUILD
    return DemonstrationError(
        f"{source.name}: is {_found(source)}; expected recorded observations and actions. {step}. {_LISTED}"
    )


def _keys(source: Source) -> list[str]:
    """Return the names of the arrays of a source; none where it has no names, or has the right ones."""
    content: Any = NOTHING if source.is_folder else source.content
    if items(content):
        content = items(content)[0]
    found: Iterable[Any] = content if isinstance(content, Mapping) else source.npz or source.hdf5_keys
    keys = [key for key in islice(found, _READ) if isinstance(key, str)]
    return [] if has_needed(dict.fromkeys(keys)) else keys


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
