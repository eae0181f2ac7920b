"""What is odd about demonstrations, how much it matters, and how to mend it; see docs/inspect.md.

One module for each place where faults lie: small functions over ``Demonstrations``, which need nothing but numpy.
"""

from __future__ import annotations

from rexd.inspection.data.find import find
from rexd.inspection.data.finding import SEVERITIES, Finding, by_severity, exit_status

__all__ = ["SEVERITIES", "Finding", "by_severity", "exit_status", "find"]
