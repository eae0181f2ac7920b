"""Which files a user means by paths, patterns and folders, and in which order they are read."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from rexd.errors import DemonstrationError
from rexd.reading.containers.folders import inside

Locations = str | Path | Sequence[str | Path]
"""What names demonstrations: a file, a folder, a dataset id, a pattern such as ``episodes/*.npz``, or several such."""

MOST_FILES = 100_000
"""Folders and patterns with more files are refused."""

_DATA_SUFFIXES = frozenset(
    [
        ".npz",
        ".npy",
        ".pkl",
        ".pickle",
        ".p",
        ".pt",
        ".pth",
        ".h5",
        ".hdf5",
        ".csv",
        ".tsv",
        ".dat",
        ".parquet",
        ".arrow",
        ".zip",
        ".gz",
        ".bz2",
        ".xz",
        ".zst",
    ]
)


def natural_order(paths: Iterable[str | Path]) -> list[str | Path]:
    """Sort paths so that numbers in them count as numbers: ``ep_2`` comes before ``ep_10``."""

    def key(path: str | Path) -> tuple[list[tuple[int, int, str]], str]:
        parts = re.split(r"([0-9]+)", str(path))
        # a long row of digits is compared as text after its length, as Python refuses to convert thousands of them
        return [(len(p.lstrip("0")), 1, p.lstrip("0")) if p.isdigit() else (0, 0, p) for p in parts], str(path)

    return sorted(paths, key=key)


def locations_of(given: Locations) -> list[str | Path]:
    """Return the files, folders and ids that a user names, with patterns replaced by what they match, in natural order.

    Raises:
        DemonstrationError: Nothing is named, a pattern matches nothing or too much, or a file is named twice.
    """
    named = [given] if isinstance(given, str | Path) else list(given)
    if not named:
        raise DemonstrationError("no demonstrations are named; expected a file, a folder, a pattern or a dataset id")
    found = [place for each in named for place in _matches(each)]
    if len(found) == 1:
        return found
    seen: set[str] = set()
    for place in found:
        real = os.path.realpath(place)
        if real in seen:
            raise DemonstrationError(f"{place}: is named twice; name each file once, as its rows would count twice")
        seen.add(real)
    return natural_order(found)


def _matches(place: str | Path) -> list[str | Path]:
    text = str(place)
    if not glob.has_magic(text) or os.path.lexists(text):
        return [place]
    found = list(islice(glob.iglob(text, recursive=True), MOST_FILES + 1))
    if not found:
        raise DemonstrationError(f"{text}: no file matches this pattern; check the path")
    if len(found) > MOST_FILES:
        raise DemonstrationError(f"{text}: matches more than {MOST_FILES:,} files; name fewer at once")
    return list(map(Path, found))


def files_in(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the files of a folder in natural order, and the names of what else lies in it.

    Hidden files, folders within the folder, and what is neither a file nor a folder are not among the files.

    Raises:
        UnsafeFileError: A file is a link out of the folder.
        DemonstrationError: The folder cannot be read, or holds too many files.
    """
    try:
        entries = list(islice(folder.iterdir(), MOST_FILES + 1))
    except OSError as error:
        raise DemonstrationError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if len(entries) > MOST_FILES:
        raise DemonstrationError(f"{folder}: holds more than {MOST_FILES:,} files; name fewer at once")
    files, others = list[Path](), list[str]()
    for path in map(Path, natural_order(entries)):
        if path.name.startswith("."):
            others.append(path.name)
        elif path.is_file():
            files.append(inside(folder, path))
        else:
            others.append(f"{path.name}/" if path.is_dir() else path.name)
    return files, others


def is_named_as_data(path: Path) -> bool:
    """Whether a file's suffix says that it holds data, so that it is not left out where it cannot be read."""
    return path.suffix.lower() in _DATA_SUFFIXES
