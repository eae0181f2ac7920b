"""The memory that this process holds, as the kernel tells it: what PyTorch and HDF5 take counts too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak_memory() -> int | None:
    """Return the most bytes that this process has held since ``forget_peak``; None if the kernel does not tell."""
    return _status("VmHWM")


def forget_peak() -> int | None:
    """Start to measure the peak anew, and return the bytes that are held now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def more_memory(call: Callable[[], Any]) -> int:
    """Return by how many bytes a call raised what this process holds, at its highest; 0 if the kernel does not tell."""
    before = forget_peak()
    call()
    peak = peak_memory()
    return 0 if before is None or peak is None else peak - before
