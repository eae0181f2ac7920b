"""The grade of a reward: one word and one sentence, from its findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rexd.inspection.data.finding import Finding, exit_status

GRADES = ("good", "doubtful", "poor")
_SAID = (
    "nothing that was measured speaks against training on this reward",
    "training on this reward may fail",
    "training on this reward will most likely fail",
)


@dataclass(frozen=True)
class Grade:
    """What to expect of training on a reward.

    Attributes:
        word: One of ``GRADES``: good without warnings, doubtful with warnings, poor with errors.
        sentence: What it means, with the codes of the findings that decide it.
    """

    word: str
    sentence: str


def grade_of(findings: Sequence[Finding], *, played: bool) -> Grade:
    """Grade a reward by its worst finding.

    Args:
        findings: What was found, the worst first.
        played: Whether episodes of the clone were looked at; without them less could be found.
    """
    status = exit_status(findings)
    worst = [finding.code for finding in findings if status and finding.severity == findings[0].severity]
    said = _SAID[status] + (f" ({', '.join(worst)})" if worst else "")
    if not status and not played:
        said += ", but no policy was played: name the environment with --env"
    return Grade(GRADES[status], f"{said}.")
