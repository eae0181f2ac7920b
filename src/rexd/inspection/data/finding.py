"""Findings, their severities and the exit status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""The severities, from worst to best.

- error: as they are read, most rows teach something false; mend the file first.
- warning: a part of the rows is false, or an estimate that is made from them is.
- info: worth knowing; nothing needs to be done.
"""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about demonstrations.

    Attributes:
        severity: How much it matters; see ``SEVERITIES``.
        code: A short name that never changes, for scripts and for the tables in docs/inspect.md.
        message: What was found, with numbers.
        mend: The option or the action that mends it; empty where there is nothing to mend.
    """

    severity: Severity
    code: str
    message: str
    mend: str = ""


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the worst first; of several findings with the same code only the first."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.code, finding)
    return tuple(sorted(first.values(), key=lambda finding: SEVERITIES.index(finding.severity)))


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 2 if there is an error, 1 if there is a warning, and 0 otherwise."""
    return max((2 - SEVERITIES.index(finding.severity) for finding in findings), default=0)
