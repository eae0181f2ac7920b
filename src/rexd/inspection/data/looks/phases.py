"""Findings about trajectories that are phase-locked: at equal times they are in nearly equal states."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.columns import find_time_columns

_TRAJECTORIES = 8  # number of trajectories, the first ones, of which each pair is compared
_TIMES, _OTHERS = 100, 300  # steps of a pair that are compared at equal times, and with how many other steps each
_SETTLED = 0.25  # share of the steps that are left out: all trajectories start alike
_LEAST = 40  # steps
# The quantile over the pairs, since one trajectory may be out of step and single pairs agree by chance; and the largest
# distances of locked and of partly locked trajectories. Locked recordings (two experts' Hopper) have 0.12 and 0.21, a
# deterministic policy from nearly equal starts has 0.62, others have 0.96 and more. Four independent gaits have less
# than 0.35 in one of 300 files.
_PAIRS, _LOCKED, _PARTLY = 0.75, 0.35, 0.65
# The last share of the steps, and a share of the spread of all states: below it the last states are one equilibrium,
# and from it on the first ones are varied. A gait keeps its spread (Hopper has 0.9 and more). A state that decays is
# nearer to its like at equal times than at others, and has no phase.
_LAST, _ENDED = 0.1, 0.25
_FEW = 3  # the phases of two trajectories may agree by chance


@Look
def phase_locked(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for phase-locked trajectories: compare the states at equal times with those at independent times."""
    chosen: list[Trajectory] = []
    while (t := (yield)) is not None:
        if len(chosen) < _TRAJECTORIES:
            chosen.append(t)
    measured = None if demos.offsets else phase_distance(replace(demos, trajectories=tuple(chosen)))
    if measured is None or measured >= (_PARTLY if len(demos) >= _FEW else _LOCKED):
        return []
    message = (
        f"trajectories run in step: at equal times states of most pairs are at most {measured:.2g} times as far apart "
        "as at independent times (1 is expected of independent phases)"
    )
    if measured >= _LOCKED or len(demos) < _FEW:
        return [Finding("info", "phase-locked", f"{message}; folds over trajectories may leak a little")]
    message += (
        ". Folds over trajectories leak: what is held out is a copy of what was learnt, and errors look too small"
    )
    mend = (
        "rexd fit and rexd train: --subsample K, which draws an offset for each trajectory; record from varied starts"
    )
    return [Finding("warning", "phase-locked", message, mend)]


def phase_distance(demos: Demonstrations) -> float | None:
    """Return the distance of states at equal times, relative to that at independent times.

    Columns are standardised. Constant columns, clocks and the first quarter of the steps are left out.

    Returns:
        The upper quartile over pairs of trajectories, about 1 for independent phases; None where the trajectories are
        too few or too short, and where they come from varied starts to one equilibrium.
    """
    chosen: Sequence[Trajectory] = demos.trajectories[:_TRAJECTORIES]
    states = [t.observations.astype(np.float64) for t in chosen if len(t) >= _LEAST]
    rows = np.concatenate(states) if states else np.zeros((0, demos.obs_dim))
    if len(states) < 2:
        return None
    spread = rows.std(axis=0)
    telling = spread > 1e-6 * (1 + np.abs(rows.mean(axis=0)))
    telling[find_time_columns(demos)] = False
    if not telling.any():
        return None
    scaled = [state[:, telling] / spread[telling] for state in states]
    if _settle(scaled):
        return None
    found = [ratio for a, b in itertools.combinations(scaled, 2) if (ratio := _compare(a, b)) is not None]
    return float(np.quantile(found, _PAIRS)) if found else None


def _settle(states: Sequence[NDArray[np.float64]]) -> bool:
    """Return whether trajectories of standardised states (T, D) come from varied starts to one equilibrium."""
    starts = np.stack([state[0] for state in states])
    ends = np.concatenate([state[-max(1, int(_LAST * len(state))) :] for state in states])
    varied, left = (float(np.sqrt(rows.var(axis=0).mean())) for rows in (starts, ends))
    return left < _ENDED <= varied


def _compare(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Return the median distance at equal times over that at independent times, for (T, D) states of a pair."""
    steps = min(len(a), len(b))
    times, others = (np.unique(np.linspace(_SETTLED * steps, steps - 1, n).astype(int)) for n in (_TIMES, _OTHERS))
    equal = np.sqrt(((a[times] - b[times]) ** 2).sum(axis=1))
    independent = np.sqrt(((a[times][:, None] - b[others][None]) ** 2).sum(axis=2))
    typical = float(np.median(independent))
    return float(np.median(equal)) / typical if typical > 0 else None
