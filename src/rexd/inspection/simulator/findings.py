"""What the one-step errors of demonstrations say about them: wrong environment, shifted actions, stale states, ..."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.inspection.data.finding import Finding
from rexd.inspection.simulator.other_versions import better_version
from rexd.inspection.simulator.recording_faults import best_candidate, with_errors
from rexd.inspection.simulator.replay import Errors, Recording, Replay, Rows, choose, median, record
from rexd.inspection.simulator.state_map import state_map

_ROWS, _EDGES, _TRIED, _LEAST = 600, 100, 150, 4  # rows within trajectories, at either end, for each candidate
_COMPARED, _VERSIONS = 300, 3  # rows for each version of the environment; how many there may be, for the bar
_STEPS = 2 * _ROWS + 2 * _EDGES + 15 * _TRIED + _VERSIONS * _COMPARED  # at most, for the bar

# Of 14 recordings, the median error was at most 0.1 times the median effect of another row's action (Ant-v2 replayed in
# Ant-v4, whose contacts differ; the same simulator gives 1e-6). A wrong environment gives 0.5 and more.
_GOOD, _DIFFERENT, _WRONG = 0.01, 0.25, 0.5
# A row is bad if its error is far beyond those of the others, and no smaller than if nothing had been predicted. Real
# recordings have no such row; a state of another episode is 0.7 standard deviations off and more.
_BEYOND, _UNPREDICTED, _FLOOR = 5.0, 0.5, 1e-4
_DRAWS = 10
_MOST = 0.5  # of the first or last rows: a first trajectory has nothing stale before it
# Standard deviations, and rows: contacts solved otherwise came to 0.1, Reacher's elbow beyond its limit to 0.9 in one.
_ELSEWHERE, _JUMPS = 0.5, 2


@dataclass(frozen=True)
class OneStepError:
    """How far the simulator and the recording are apart after one step, in standard deviations of the columns.

    Attributes:
        rows: How many were replayed.
        median: Of their errors.
        maximum: Of their errors.
        action_effect: The median error with the action of another row, to compare with.
    """

    rows: int
    median: float
    maximum: float
    action_effect: float


def one_step_findings(
    env: gymnasium.Env[Any, Any],
    demos: Demonstrations,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[OneStepError | None, list[Finding]]:
    """Replay single steps of the demonstrations and tell what the errors show.

    Args:
        env: The environment of the demonstrations; it is reset and stepped.
        demos: With the environment's columns and with actions as they were recorded, not clipped.
        progress: Called with the steps done and about how many there will be.

    Returns:
        The errors, None where the environment does not expose its state, and the findings.
    """
    states = state_map(env)
    if states is None:
        message = (
            "single steps were not replayed: the environment does not expose its state, or the observation does not "
            "show it whole"
        )
        return None, [Finding("info", "no-replay", message)]
    done = 0

    def tick(steps: int) -> None:
        nonlocal done
        done += steps
        progress(min(done, _STEPS), _STEPS)

    replay = Replay(env, states, record(demos), tick=tick)
    return _diagnose(env, replay, consecutive=not demos.offsets)


def _diagnose(
    env: gymnasium.Env[Any, Any], replay: Replay, *, consecutive: bool
) -> tuple[OneStepError | None, list[Finding]]:
    rows, space = replay.rows, env.action_space
    first, last = rows.step == 0, rows.left == 0
    inner = choose(replay.replayable(np.flatnonzero(~first & ~last)), _ROWS, seed=0)
    starts = choose(replay.replayable(np.flatnonzero(first & ~last)), _EDGES, seed=1)
    stops = choose(replay.replayable(np.flatnonzero(last & ~first)), _EDGES, seed=2)
    index = np.concatenate([inner, starts, stops])
    if not len(inner):
        message = "single steps were not replayed: no row shows the whole state and has a next observation"
        return None, [Finding("info", "no-replay", message)]
    errors = replay.errors(index)
    effect = median(replay.errors(inner, _other_actions(rows.actions, inner)))
    found = OneStepError(len(index), median(errors), float(errors.max()), effect)
    within = errors[: len(inner)]
    findings = []
    # the mean too: where an action is held for many steps, a shift by one shows in few rows
    if max(median(within), within.mean()) > max(_GOOD * effect, _FLOOR):
        explained = best_candidate(replay, _contested(replay, space), consecutive=consecutive, space=space)
        if explained is not None:
            return found, [with_errors(*explained)]
        compared = choose(inner, _COMPARED, seed=5)
        findings += better_version(env, replay, compared) + _wrong_environment(found, median(within))
    if not any(finding.severity == "error" for finding in findings):
        findings += _bad_rows(replay, index, errors, len(inner), len(starts))
    return found, findings


def _other_actions(actions: Array, index: Rows) -> Array:
    """For each row the action of another one, which differs from its own where that can be."""
    random = np.random.default_rng(3)
    others = random.integers(0, len(actions), len(index))
    for _ in range(_DRAWS):
        same = (actions[others] == actions[index]).reshape(len(index), -1).all(axis=1)
        others[same] = random.integers(0, len(actions), int(same.sum()))
    return np.asarray(actions[others])


def _contested(replay: Replay, space: Any) -> Rows:
    """Rows within trajectories whose neighbours have different actions: where a shift shows, and which way it goes."""
    rows = replay.rows
    continued = np.append(rows.trajectory[1:] == rows.trajectory[:-1], False)  # long trajectories may be cut
    inner = replay.replayable(np.flatnonzero((rows.step > 0) & continued))
    # beyond the bounds all actions are the same to most environments
    actions = np.clip(rows.actions, space.low, space.high) if isinstance(space, Box) else rows.actions
    actions = actions.reshape(len(actions), -1).astype(np.float64)
    apart = np.abs(actions[inner + 1] - actions[inner - 1]).max(axis=1, initial=0)
    differing = inner[apart > 0.1 * actions.std()]
    return choose(differing if len(differing) >= _LEAST else inner, _TRIED, seed=4)


def _wrong_environment(found: OneStepError, typical: float) -> list[Finding]:
    if found.action_effect <= _FLOOR:  # the action does not matter, or never changes
        return []
    ratio = typical / found.action_effect
    if ratio <= _DIFFERENT:
        return []
    wrong = ratio > _WRONG
    return [
        Finding(
            "error" if wrong else "warning",
            "wrong-environment",
            f"the environment does not reproduce the recorded steps: the median one-step error is {typical:.2g} "
            f"standard deviations, another row's action makes {found.action_effect:.2g}, and neither shifting nor "
            "scaling helps",
            "name the version and the arguments that they were recorded with: --env, --env-kwargs",
        )
    ]


def _bad_rows(replay: Replay, index: Rows, errors: Errors, inner: int, starts: int) -> list[Finding]:
    within = errors[:inner]
    limit = max(_BEYOND * float(np.quantile(within, 0.95)), _FLOOR)
    change = replay.change(index)
    bad = (errors > limit) & (errors > _UNPREDICTED * change)
    at_start, at_stop = bad[inner : inner + starts], bad[inner + starts :]
    rows, findings = replay.rows, []
    if starts and at_start.mean() > _MOST:
        findings.append(
            Finding(
                "warning",
                "stale-first-observation",
                f"the first step of {int(at_start.sum())} of {starts} trajectories does not follow from its "
                f"observation (one-step error {median(errors[inner : inner + starts]):.2g} standard deviations, "
                f"elsewhere {median(within):.2g}): the first observation is older than the reset",
                "leave the first row of each trajectory out: Trajectory.rows(slice(1, None))",
            )
        )
    if len(at_stop) and at_stop.mean() > _MOST:
        findings.append(
            Finding(
                "warning",
                "next-episode-observation",
                f"the last next observation of {int(at_stop.sum())} of {len(at_stop)} trajectories is not where the "
                f"last step leads (one-step error {median(errors[inner + starts :]):.2g} standard deviations, "
                f"elsewhere {median(within):.2g}): it was observed after the reset",
                "rexd convert --drop-last-next-observation",
            )
        )
    bad &= np.minimum(errors, change) > max(_ELSEWHERE, median(change))  # and the recording itself jumps
    if bad[:inner].sum() >= _JUMPS:
        findings.append(_jumps(rows, index[:inner][bad[:inner]], inner))
    return findings


def _jumps(rows: Recording, bad: Rows, of: int) -> Finding:
    return Finding(
        "warning",
        "jumps",
        f"{len(bad)} of {of} steps within trajectories lead elsewhere than the simulator, the first at step "
        f"{rows.step[bad[0]]} of trajectory {rows.trajectory[bad[0]]}: an end that is not marked, or a state that was "
        "set by hand",
        "give the length of the trajectories where they are equal: --episode-length",
    )
