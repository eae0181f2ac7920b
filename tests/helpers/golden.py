"""The golden files of each format, which the tests of all formats read.

``tests/reading/formats/test_<module>.py`` defines ``golden(folder)``, which writes small files in the format's layout,
one for each variant of the layout, and says how many trajectories each holds. It may skip the test if a library that
writes the format is not installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pytest

from rexd.reading.formats import Format
from rexd.reading.rows.hints import Hints


@dataclass(frozen=True)
class Golden:
    """One small file of a format."""

    path: Path
    trajectories: int
    hints: Hints = field(default_factory=Hints)


def golden_of(item: Format) -> Callable[[Path], list[Golden]]:
    """Return the function that writes a format's golden files."""
    module = item.load.__module__.rpartition(".")[2]
    try:
        return import_module(f"test_{module}").golden  # type: ignore[no-any-return]
    except (ModuleNotFoundError, AttributeError):
        pytest.fail(
            f"the format {item.name!r} has no golden files: tests/reading/formats/test_{module}.py must define golden"
        )
