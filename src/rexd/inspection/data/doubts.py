"""Findings about what may have been read wrongly, which reading itself noticed."""

from __future__ import annotations

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.doubt import Doubt
from rexd.inspection.data.finding import Finding


def doubts(demos: Demonstrations) -> list[Finding]:
    """Return a warning for each doubt among the notes."""
    return [Finding("warning", note.code, str(note), note.mend) for note in demos.notes if isinstance(note, Doubt)]
