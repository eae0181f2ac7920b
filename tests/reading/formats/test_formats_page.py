"""docs/formats.md lists every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from rexd.reading.formats import FORMATS

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"


@pytest.mark.parametrize("name", [item.name for item in FORMATS])
def test_every_format_has_a_line(name: str) -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |")]
    assert len(rows) == 1
    assert len(rows[0].split(" | ")) == 5


def test_lines_are_in_the_order_in_which_formats_are_tried() -> None:
    text = PAGE.read_text(encoding="utf-8")
    places = [text.index(f"\n| {item.name} |") for item in FORMATS]
    assert places == sorted(places)
