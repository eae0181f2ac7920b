"""What the flags say about the ends of trajectories."""

from __future__ import annotations

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.findings.finding import Finding

_SHARE, _COUNT = (
    0.25,
    3,
)  # of terminated trajectories: falls of CartPole hardly ever come at one step, and then not last


def time_limits(demos: Demonstrations, max_episode_steps: int | None) -> list[Finding]:
    """Trajectories that are marked as terminated where a time limit ended them."""
    lengths = np.array([t.steps[-1] + 1 for t in demos if t.terminated[-1]])
    if not len(lengths):
        return []
    limit = int(lengths.max()) if max_episode_steps is None else max_episode_steps
    at_limit = int((lengths == limit).sum())
    longest = limit == max(t.steps[-1] + 1 for t in demos)
    if max_episode_steps is not None:
        # one may have fallen at the last step; of several that is not to be believed
        suspicious = at_limit >= 2 or at_limit == len(demos)
    else:
        suspicious = longest and at_limit >= min(_COUNT, len(demos)) and at_limit >= _SHARE * len(lengths)
        suspicious = suspicious and at_limit > 1
    if not suspicious:
        return []
    known = "the environment's time limit" if max_episode_steps is not None else "as a time limit makes them"
    message = (
        f"{at_limit} of {len(demos)} trajectories are marked as terminated after exactly {limit:,} steps, {known}: "
        "a critic would learn that nothing follows there"
    )
    mend = f"rexd convert --time-limit-is-truncation {limit}"
    if max_episode_steps is None:
        mend += "; or name the environment (--env), which knows its limit"
    return [Finding("warning", "time-limit-terminated", message, mend)]


def early_ends(demos: Demonstrations) -> list[Finding]:
    """Ends that are marked within a trajectory, or in every row."""
    inside = sum(int((t.terminated[:-1] | t.truncated[:-1]).sum()) for t in demos)
    rows = demos.n_transitions
    single = sum(len(t) == 1 for t in demos)
    if inside > 0.5 * max(rows - len(demos), 1):
        message = f"{inside:,} of {rows:,} rows within trajectories are marked as ends: the flags say what goes on"
        return [Finding("error", "inverted-ends", message, "rexd convert --episode-length N")]
    if inside:
        message = f"{inside:,} rows within trajectories are marked as ends: trajectories that were joined"
        return [Finding("error", "early-ends", message, "rexd convert --episode-length N")]
    if len(demos) > 2 and single > 0.5 * len(demos):
        message = f"{single:,} of {len(demos):,} trajectories have one step: ends are marked in nearly every row"
        return [Finding("error", "inverted-ends", message, "rexd convert --episode-length N")]
    return []


def missing_ends(demos: Demonstrations) -> list[Finding]:
    """Trajectories whose last row is not marked as an end."""
    if demos.offsets:
        return []  # subsampling may leave the last row out
    open_ended = sum(not (t.terminated[-1] or t.truncated[-1]) for t in demos)
    if not open_ended:
        return []
    message = f"{open_ended} of {len(demos)} trajectories have no end that is marked: counted as cut off there"
    return [Finding("info", "missing-ends", message)]
