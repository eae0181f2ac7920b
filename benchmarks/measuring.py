"""How two programs are compared on a noisy machine: in turns, in one run, by medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def in_turns(*works: Callable[[], float], turns: int = 3) -> tuple[float, ...]:
    """Medians of what each returns, measured A B A B."""
    rounds = [[work() for work in works] for _ in range(turns)]
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))


def seconds(work: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def processor_seconds(work: Callable[[], Any]) -> float:
    """Time that all threads of this process spend in one call: other programs do not count, nor does waiting."""
    started = time.process_time()
    work()
    return time.process_time() - started
