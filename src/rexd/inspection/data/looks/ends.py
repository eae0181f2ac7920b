"""Findings about the ends of trajectories, as ``terminated`` and ``truncated`` mark them."""

from __future__ import annotations

from functools import partial

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.still_ends import moving_rows

# The share, and the least number, of terminated trajectories that end at the largest length. Failures, such as falls of
# CartPole, hardly ever come at one step, and then not at the last.
_SHARE, _COUNT = 0.25, 3


def time_limits(max_episode_steps: int | None) -> Look[list[Finding]]:
    """Look for trajectories that are marked as terminated where a time limit ended them.

    Args:
        max_episode_steps: The environment's time limit; None if it is not known.
    """
    return Look(partial(_time_limits, max_episode_steps=max_episode_steps))


def _time_limits(demos: Demonstrations, max_episode_steps: int | None) -> Looking[list[Finding]]:
    last, ended = [], []
    while (t := (yield)) is not None:
        last.append(int(t.steps[-1]) + 1)
        ended.append(bool(t.terminated[-1]))
    lengths = np.array(last)[ended]
    if not len(lengths):
        return []
    limit = int(lengths.max()) if max_episode_steps is None else max_episode_steps
    at_limit = int((lengths == limit).sum())
    longest = limit == max(last)
    if max_episode_steps is not None:
        # One trajectory may have failed at the very last step, but hardly several.
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


@Look
def early_ends(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for ends that are marked within trajectories, or in nearly every row."""
    inside = 0
    while (t := (yield)) is not None:
        last = moving_rows(t).stop - 1  # padding goes on behind the end
        inside += int((t.terminated[:last] | t.truncated[:last]).sum())
    rows, single = demos.n_transitions, int((demos.lengths == 1).sum())
    if inside > 0.5 * max(rows - len(demos), 1):
        message = (
            f"{inside:,} of {rows:,} rows within trajectories are marked as ends: the flags mark the rows that go on"
        )
        return [Finding("error", "inverted-ends", message, "rexd convert --episode-length N")]
    if inside:
        message = f"{inside:,} rows within trajectories are marked as ends: trajectories that were joined"
        return [Finding("error", "early-ends", message, "rexd convert --episode-length N")]
    if len(demos) > 2 and single > 0.5 * len(demos):
        message = f"{single:,} of {len(demos):,} trajectories have one step: ends are marked in nearly every row"
        return [Finding("error", "inverted-ends", message, "rexd convert --episode-length N")]
    return []


@Look
def missing_ends(demos: Demonstrations) -> Looking[list[Finding]]:
    """Look for trajectories whose last row is not marked as an end."""
    open_ended = 0
    while (t := (yield)) is not None:
        open_ended += not (t.terminated[-1] or t.truncated[-1])
    if not open_ended or demos.offsets:  # subsampling may leave the last row out
        return []
    message = f"{open_ended} of {len(demos)} trajectories have no end that is marked: they count as truncated there"
    return [Finding("info", "missing-ends", message)]
