"""The parts that a page is laid out from: sections with text, findings, tables, pictures and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rexd.inspection.data.finding import Finding
from rexd.report.drawing import Picture
from rexd.report.videos import Video


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        caption: What it is, in a few words.
        headings: The names of the columns; empty for a table of names and values.
        rows: The cells.
    """

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a page.

    Attributes:
        title: Its heading.
        about: How to read it; one paragraph.
        findings: What was found, the worst first; None where nothing was looked for.
        tables: Its tables.
        pictures: Its pictures.
        videos: Its videos.
        commands: Lines for a shell.
    """

    title: str
    about: str = ""
    findings: Sequence[Finding] | None = None
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    videos: Sequence[Video] = ()
    commands: Sequence[str] = ()
