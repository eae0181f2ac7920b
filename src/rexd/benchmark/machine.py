"""The machine that a run or a report is made on: its processor and its cores."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Return the name of the processor and the number of cores that the system has, as plain JSON types."""
    return {"processor": _processor(), "cores": os.cpu_count() or 1}


def _processor() -> str:
    """Return the name that Linux tells, which ``platform`` does not; elsewhere what ``platform`` knows."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()
