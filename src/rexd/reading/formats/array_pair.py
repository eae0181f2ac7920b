"""A pair of files with one array each, observations and actions, as ``numpy.save`` and ``torch.save`` write them.

``states.npy`` lies beside ``actions.npy``, and perhaps rewards or ends under their own names. The arrays are one
recording with T or T + 1 observations, rows end to end, or (episodes, steps, columns).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.reading.containers.source import Source
from rexd.reading.formats.array_dict import read_arrays
from rexd.reading.formats.format import Format
from rexd.reading.formats.named_files import find_columns
from rexd.reading.rows.hints import Hints

_SUFFIXES = (".npy", ".pt", ".pth", ".pkl", ".pickle")


def sniff(source: Source) -> bool:
    """Whether this is one array of a set with observations and actions, or a folder with exactly one such set."""
    found = _find(source)
    if source.is_file or not found:
        return bool(found)
    inside = {path for path in source.path.iterdir() if path.suffix.lower() in (*_SUFFIXES, ".npz")}
    return inside == {path for path, _ in found.values()}  # other recordings beside it must not be lost


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read each file as one array, under the name of what it holds.

    Raises:
        DemonstrationError: The arrays do not fit each other, or the boundaries are not clear.
    """
    return read_arrays(source.name, {role: array for role, (_, array) in _find(source).items()}, hints)


def _array(source: Source) -> tuple[Path, Array] | None:
    content = source.content
    return (source.path, content) if isinstance(content, np.ndarray) and content.ndim else None


def _find(source: Source) -> dict[str, tuple[Path, Array]]:
    return find_columns(source, _SUFFIXES, _array)


FORMAT = Format(
    "pair of array files, observations and actions (npy, torch)",
    sniff,
    load,
    files=lambda source: [path for path, _ in _find(source).values()],
)
