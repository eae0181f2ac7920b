"""Findings about the returns of trajectories."""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.leaving_out import leave_out

_LEAST = 4  # trajectories; among fewer, none stands out
_FAR = 3.0  # least distance from the median, in ranges of the better three quarters
_RELATIVE = 0.2  # least distance from the median, as a share of it


@Look
def low_returns(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for failed trajectories among good ones: their returns are far below the others.

    The distance from the median is measured in ranges of the better three quarters. Deviations would not do, since the
    returns of Pendulum come in clusters: a good trajectory is 59 deviations away from the others, but only 1.2 ranges.
    The worst trajectory of Reacher is 1.0 ranges away, failed landings of LunarLander 3.7 and more.
    """
    found: list[float] = []
    while (t := (yield)) is not None:
        if t.total_reward is not None:
            found.append(t.total_reward)
    if len(found) < max(_LEAST, len(demos)):  # too few trajectories, or some without rewards
        return []
    returns = np.array(found)
    best = np.sort(returns)[len(returns) // 4 :]
    median = float(np.median(returns))
    limit = median - max(_FAR * float(np.ptp(best)), _RELATIVE * abs(median))
    low = np.flatnonzero(returns < limit)
    if not len(low):
        return []
    message = (
        f"the return of {len(low)} of {len(returns)} trajectories is far below the others (at best "
        f"{returns[low].max():.4g}, the median is {median:.4g}; the first is trajectory {low[0]}): the expert failed, "
        "or the recording was cut"
    )
    return [Finding("warning", "low-return", message, leave_out(len(demos), low.tolist()))]


@Look
def missing_rewards(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for rewards that are NaN: nothing is learnt from them, but no return can be told."""
    rows, trajectories = 0, 0
    while (t := (yield)) is not None:
        missing = 0 if t.rewards is None else int(np.isnan(t.rewards).sum())
        rows += missing
        trajectories += missing > 0
    if not rows:
        return []
    message = (
        f"the rewards of {rows:,} rows are NaN, in {trajectories} of {len(demos)} trajectories: nothing is learnt from "
        "rewards, but there is no return to compare a policy with"
    )
    return [Finding("info", "missing-rewards", message, "none for rexd; record the rewards to compare returns")]
