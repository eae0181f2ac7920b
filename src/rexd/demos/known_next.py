"""The rows whose next observation was recorded, which models of (s, s') learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rexd.demos.demonstrations import Demonstrations


def with_known_next(demos: Demonstrations) -> Demonstrations | None:
    """Leave out the rows whose next observation was not recorded; None where it was recorded for no row.

    Args:
        demos: The demonstrations, in memory.
    """
    kept = tuple(t.rows(np.flatnonzero(t.next_known)) for t in demos.trajectories if t.next_known.any())
    unused = tuple(t.rows(np.flatnonzero(t.next_known)) for t in demos.unused if t.next_known.any())
    return replace(demos, trajectories=kept, unused=unused) if kept else None
