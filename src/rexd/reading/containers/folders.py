"""The files of datasets that are folders: opened only where they lie within the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.containers.guards import check_file

_MAX_JSON = 64 * 1024**2  # a description of thousands of episodes takes a few


def inside(folder: Path, file: Path) -> Path:
    """A file of a dataset's folder, unless a symbolic link leads out of there.

    The cache of the Hugging Face hub is made of links: ``snapshots/<revision>`` of a repository leads to its ``blobs``.

    Args:
        folder: The dataset's folder, as the user named it.
        file: A path in it.

    Raises:
        UnsafeFileError: It is a link to somewhere else, which was not opened.
    """
    home, target = folder.resolve(), file.resolve()
    homes = [home, *(parent.parent / "blobs" for parent in home.parents if parent.name == "snapshots")]
    if not any(target.is_relative_to(place) for place in homes):
        raise UnsafeFileError(
            f"{file}: is a link to {str(target)[:200]!r} outside of the folder, which was not opened; copy the file "
            "into the folder"
        )
    return file


def read_json(folder: Path, file: Path, expected: str) -> dict[str, Any]:
    """The description that a dataset keeps beside its data.

    Args:
        folder: The dataset's folder.
        file: The JSON file in it.
        expected: What it should be, for messages.

    Raises:
        UnsafeFileError: It is a link to somewhere else.
        DemonstrationError: It is missing, too large, no JSON, or not a mapping.
    """
    inside(folder, file)
    try:
        check_file(file, max_bytes=_MAX_JSON)
        content = json.loads(file.read_text(encoding="utf-8"))
    except RexdError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DemonstrationError(
            f"{file}: cannot be read as JSON ({str(error)[:200]}); write or download the dataset again"
        ) from error
    if not isinstance(content, dict):
        raise DemonstrationError(f"{file}: holds a {type(content).__name__}; expected {expected}")
    return content
