"""What a finding is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""From worst to best.

- error: as they are read, most rows teach something false; mend the file first.
- warning: a part of the rows is false, or an estimate that is made of them is.
- info: worth knowing; nothing needs to be done.
"""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about demonstrations.

    Attributes:
        severity: How much it matters; see ``SEVERITIES``.
        code: A short name that stays the same, for scripts and for the table in docs/inspect.md.
        message: What was found, with numbers.
        mend: The option or the step that mends it; empty where there is nothing to mend.
    """

    severity: Severity
    code: str
    message: str
    mend: str = ""


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first; of several findings with one code, whichever came first."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.code, finding)
    return tuple(sorted(first.values(), key=lambda finding: SEVERITIES.index(finding.severity)))


def exit_status(findings: Iterable[Finding]) -> int:
    """0 where nothing is above info, 1 for warnings, 2 for errors."""
    return max((2 - SEVERITIES.index(finding.severity) for finding in findings), default=0)
