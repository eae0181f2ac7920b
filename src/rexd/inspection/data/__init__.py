"""Findings in the data: what is odd about demonstrations, how much it matters, and how to mend it; see docs/inspect.md.

Each module of ``looks`` looks at one part of the data, such as the ends of trajectories. numpy is enough.
"""

from __future__ import annotations

from rexd.inspection.data.find import find
from rexd.inspection.data.finding import SEVERITIES, Finding, by_severity, exit_status

__all__ = ["SEVERITIES", "Finding", "by_severity", "exit_status", "find"]
