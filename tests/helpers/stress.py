"""What tests do to several formats: damage a file, and measure how fast rows are read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from rexd.demos import Demonstrations


def damaged(content: bytes, count: int) -> Iterator[bytes]:
    """Yield copies of a file's content with three bytes replaced, a fifth of them cut short."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        changed = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            changed[position] = rng.integers(256)
        yield bytes(changed if rng.random() < 0.8 else changed[: rng.integers(1, len(content))])


def transitions_per_second(load: Callable[[], Demonstrations]) -> float:
    """Return the transitions that are read in each second of the process, in the fastest of three readings."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        count = load().n_transitions
        seconds.append(time.process_time() - start)
    return count / min(seconds)
