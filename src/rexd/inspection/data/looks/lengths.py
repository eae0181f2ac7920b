"""Findings about the lengths of trajectories."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.leaving_out import leave_out

_SHORT = 0.1  # share of the median length; good episodes of CartPole have 0.2 and more
_MIN_STEPS = 2
_WHOLE = 0.6  # share of trajectories that last as long as the longest, so that the others failed
_FAILED = 0.5  # share of that length


def short_trajectories(demos: Demonstrations) -> list[Finding]:
    """Find trajectories of hardly any steps, or of far fewer steps than the others."""
    lengths = demos.lengths
    limit = max(_SHORT * float(np.median(lengths)), _MIN_STEPS)
    short = np.flatnonzero(lengths < limit)
    if not len(short) or len(short) > 0.5 * len(lengths):  # if most are short, ``inverted-ends`` says so
        return _different(lengths)
    message = (
        f"{len(short)} of {len(lengths)} trajectories have no more than {lengths[short].max()} steps, half of them "
        f"more than {np.median(lengths):.0f} (the first is trajectory {short[0]}): an end that is marked wrongly, or a "
        "recording that was cut"
    )
    return [Finding("warning", "short-trajectories", message, leave_out(len(demos), short.tolist()))]


def _different(lengths: NDArray[np.int64]) -> list[Finding]:
    if lengths.max() <= lengths.min() / _SHORT:
        return []
    message = f"trajectories have from {lengths.min():,} to {lengths.max():,} steps: long ones have a larger weight"
    return [Finding("info", "different-lengths", message)]


@Look
def early_failures(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for the few trajectories that terminated early where most last until the time limit."""
    ended = []
    while (t := (yield)) is not None:
        ended.append(bool(t.terminated[-1]))
    lengths, terminated = demos.lengths, np.array(ended)
    whole = lengths == lengths.max()
    failed = np.flatnonzero(terminated & (lengths < _FAILED * lengths.max()))
    if not len(failed) or whole.mean() < _WHOLE or terminated[whole].any():
        return []
    message = (
        f"{len(failed)} of {len(lengths)} trajectories terminated after no more than {lengths[failed].max():,} steps, "
        f"where most last {lengths.max():,} (the first is trajectory {failed[0]}): the expert failed in them"
    )
    return [Finding("warning", "early-failure", message, leave_out(len(demos), failed.tolist()))]
