"""Datasets that are folders: their files, which must lie within the folder, and JSON descriptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rexd.errors import DemonstrationError, RexdError, UnsafeFileError
from rexd.reading.containers.guards import check_file

_MAX_JSON = 64 * 1024**2  # a description of thousands of episodes takes a few MB


def inside(folder: Path, file: Path) -> Path:
    """Return a file of a dataset's folder, after checking that no symbolic link leads out of the folder.

    The cache of the Hugging Face hub consists of links from ``snapshots/<revision>`` of a repository to its ``blobs``,
    which are accepted.

    Args:
        folder: The dataset's folder, as the user named it.
        file: A path in the folder.

    Raises:
        UnsafeFileError: The file is a link out of the folder, which was not opened.
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
    """Read the JSON description that a dataset keeps beside its data.

    Args:
        folder: The dataset's folder.
        file: The JSON file in the folder.
        expected: What the file should hold, for messages.

    Raises:
        UnsafeFileError: The file is a link out of the folder.
        DemonstrationError: The file is missing, too large, not JSON, or not a mapping.
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


def text_in_json(described: Mapping[str, Any], key: str, name: str) -> str | None:
    """Return a text out of the JSON object that is kept as text under a key of a description.

    Args:
        described: The description.
        key: The key whose value is a JSON object in a string.
        name: The name within that object.

    Returns:
        The text; None if it is missing or no text, or if the JSON is damaged.
    """
    try:
        found = json.loads(described[key])[name]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None
