"""Where a run or a result comes from: versions of packages, the processor, the date, and the command line."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "rexd",
    "torch",
    "jax",
    "sbx-rl",
    "stable-baselines3",
    "gymnasium",
    "gymnasium-robotics",
    "mujoco",
    "numpy",
)

COMMAND_LINE: ContextVar[Sequence[str] | None] = ContextVar("COMMAND_LINE", default=None)
"""The words of the command that is running, ``rexd`` first; None in Python."""


def provenance() -> dict[str, Any]:
    """Return what a run folder records beside its settings, as plain JSON types."""
    words = COMMAND_LINE.get()
    return {
        "versions": versions(),
        "processor": processor(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": None if words is None else list(words),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a run depends on, without those not installed."""
    found = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # some methods do not need the package
            continue
    return found


def processor() -> str:
    """Return the name of the processor, which decides how floating point is rounded."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()
