"""A finding over time: whether the beginning of the demonstrations, if it went on for ever, would be paid like all.

Support is not progress. A hand that has reached a door's handle and holds it does what the demonstrations show at some
time, and if most of their rows are like that, it earns nearly what opening the door earns. Where late states are unlike
early ones, an agent that repeats the first third of a demonstration has not done the task. A gait is another matter:
its late states are its early ones, and to repeat them is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.transitions import Transitions
from rexd.diagnosis.probe import MOST_ROWS
from rexd.diagnosis.separation import separate
from rexd.diagnosis.sight import Sight
from rexd.inspection.data.finding import Finding
from rexd.reward.encoder import RESOLUTION
from rexd.reward.rows import Rows

EARLY, LATE = 1 / 3, 2 / 3  # of a trajectory's steps
# AUROC by which late states lie farther from early ones than these from those of other trajectories. Human
# demonstrations of opening a door have 1.00; gaits of Hopper, HalfCheetah, Walker2d and Ant have 0.45 to 0.60.
APART = 0.9
AS_MUCH = 0.9  # of what the demonstrations are paid; the first third of the door's has 0.95, that of MountainCar 0.8
MOST_STATES = 1000  # of each part that are compared

Index = NDArray[np.int64]


def time_findings(sight: Sight) -> Iterator[Finding]:
    """Yield a finding where the beginning of the demonstrations, repeated, is paid nearly as much as all of them."""
    demonstrations = sight.demonstrations
    if demonstrations is None or demonstrations.image or len(demonstrations) < 2:
        return  # early states of one trajectory have no others to be compared with
    rows = demonstrations.transitions()
    progress = _progress(demonstrations, rows)
    early, late = np.flatnonzero(progress < EARLY), np.flatnonzero(progress >= LATE)
    if not len(early) or not len(late) or (apart := _apart(rows, early, late)) < APART:
        return
    place = _evenly(np.flatnonzero(np.isin(rows.trajectory, rows.trajectory[early])), MOST_ROWS)
    repeated = _repeated(rows.trajectory, early, place)
    share = _pays(sight, rows, repeated, place) / max(_pays(sight, rows, place, place), 1e-9)
    if share > AS_MUCH:
        yield Finding(
            "info" if sight.model.horizon is not None else "warning",
            "beginning-pays-as-much",
            f"an agent that repeats the first third of a demonstration for a whole episode would earn {share:.0%} of "
            f"what the demonstrations earn, although their last third lies elsewhere (AUROC {apart:.2f}): to begin the "
            "task is paid nearly as much as to do it",
            "watch the episodes of the policy; leave out rows before the part that decides, or use demonstrations in "
            "which it takes more of the time",
        )


def _progress(demonstrations: Demonstrations, rows: Transitions) -> NDArray[np.float64]:
    """Return which share of its trajectory's steps comes before each row: (N,)."""
    lengths = np.array([int(t.steps.max(initial=0)) + 1 for t in demonstrations])
    return np.asarray(rows.step / lengths[rows.trajectory], np.float64)


def _evenly(index: Index, most: int) -> Index:
    return index[np.linspace(0, len(index) - 1, min(len(index), most)).astype(np.int64)]


def _apart(rows: Transitions, early: Index, late: Index) -> float:
    """Return by which AUROC late states lie farther from early ones than these from those of other trajectories."""
    ones, others = (_evenly(part, MOST_STATES) for part in (early, late))
    obs = rows.obs.astype(np.float64)
    spread, size = obs.std(axis=0), np.abs(obs.mean(axis=0))
    varying = spread > RESOLUTION * np.maximum(size, 1.0)
    z = torch.from_numpy(obs[:, varying] / spread[varying])
    same = torch.from_numpy(rows.trajectory[ones][:, None] == rows.trajectory[ones][None, :])
    between = torch.cdist(z[ones], z[ones]).masked_fill(same, torch.inf).amin(dim=1)
    return separate(between.numpy(), torch.cdist(z[others], z[ones]).amin(dim=1).numpy(), 0).auroc


def _repeated(trajectory: Index, early: Index, place: Index) -> Index:
    """Return for each place the early row of its trajectory that comes there if these are repeated."""
    first = np.searchsorted(trajectory, trajectory[place])
    begins = np.searchsorted(trajectory[early], trajectory[place])
    count = np.searchsorted(trajectory[early], trajectory[place], "right") - begins
    return early[begins + (place - first) % count]


def _pays(sight: Sight, rows: Transitions, taken: Index, place: Index) -> float:
    """Return the mean reward of the rows ``taken`` at the times of the rows at ``place``."""
    asked = replace(Rows.of_transitions(rows)[taken], step=rows.step[place])
    return float(sight.model.paid(asked, sight.model.novelty_of(asked)).mean(dtype=np.float64))
