"""Returns that are far below the others."""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.leaving_out import leave_out
from rexd.inspection.data.look import Look, Looking

_LEAST = 4  # trajectories: of fewer, none can be told to be the odd one
_FAR = 3.0  # ranges of the better three quarters
_RELATIVE = 0.2  # of the median


@Look
def low_returns(demos: Demonstrations) -> Looking[list[Finding]]:
    """A failed trajectory among good ones.

    Compared with the range of the better three quarters, not with a deviation: returns of Pendulum come in lumps (-1,
    -125, -240), among which a good start from below is 59 deviations away, but 1.2 such ranges. Reacher's worst of 100
    is 1.0 ranges below the median, LunarLander's two landings that failed are 3.7 and more.
    """
    found: list[float] = []
    while (t := (yield)) is not None:
        if t.rewards is not None:
            found.append(float(np.sum(t.rewards)))
    if len(found) < max(_LEAST, len(demos)):  # not all of them have rewards
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
