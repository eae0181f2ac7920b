"""Findings that the replay of single steps makes: wrong environment, shifted actions, stale states and others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.envs.make import Env
from rexd.inspection.data.finding import Finding
from rexd.inspection.simulator.other_physics import other_physics
from rexd.inspection.simulator.other_versions import better_version
from rexd.inspection.simulator.recording_faults import best_candidate, with_errors
from rexd.inspection.simulator.replay import (
    Errors,
    Recording,
    Replay,
    RowNumbers,
    draw_rows,
    make_recording,
    median_or_zero,
)
from rexd.inspection.simulator.state_map import state_map
from rexd.progress import Progress

_ROWS, _EDGES = 600, 100  # rows that are replayed within trajectories, and at either end of them
_TRIED, _LEAST = 150, 4  # rows that are replayed for each fault, and their least number
_COMPARED, _VERSIONS = 300, 3  # rows that are replayed in each version of the environment, and versions as a rule
_STEPS = 2 * _ROWS + 2 * _EDGES + 15 * _TRIED + _VERSIONS * _COMPARED  # about the largest number, for the progress

# Median errors, as multiples of the median effect of another row's action: up to the first a recording has no fault,
# above the second the environment differs, above the third it is another one. Recordings have at most 0.1 in their own
# environment (Ant-v2 in Ant-v4, whose contacts differ), and 0.5 and more in a wrong one.
_GOOD, _DIFFERENT, _WRONG = 0.01, 0.25, 0.5
# A row is bad if its error is far beyond those of the others, and not far below that of predicting no change. A state
# of another episode has an error of 0.7 standard deviations and more.
_BEYOND, _UNPREDICTED, _FLOOR = 5.0, 0.5, 1e-4
_DRAWS = 10
_MOST = 0.5  # share of the first or last rows; not all, since nothing stale can precede the first trajectory
# Least error of a jump in standard deviations, and least number of jumps: contacts that are solved in another way have
# errors of 0.1, and a single row of Reacher, with the elbow beyond its limit, has 0.9.
_ELSEWHERE, _JUMPS = 0.5, 2


@dataclass(frozen=True)
class OneStepError:
    """How far the simulator and the recording are apart after one step, in standard deviations of the columns.

    Attributes:
        rows: The number of replayed rows.
        median: The median of their errors.
        maximum: The maximum of their errors.
        action_effect: The median error with the action of another row, for comparison.
    """

    rows: int
    median: float
    maximum: float
    action_effect: float


def one_step_findings(
    env: Env,
    demos: Demonstrations,
    *,
    progress: Progress = lambda done, total: None,
) -> tuple[OneStepError | None, list[Finding]]:
    """Replay single steps of the demonstrations and find what their errors show.

    Args:
        env: The environment of the demonstrations; it is reset and stepped.
        demos: The demonstrations, with the environment's columns and with actions that are not clipped.
        progress: Called with the number of steps so far, and about how many there will be.

    Returns:
        The errors and the findings. The errors are None where no step could be replayed.
    """
    states = state_map(env)
    if states is None:
        message = (
            "single steps were not replayed: the environment does not expose its state, or the observation does not "
            "show the whole state"
        )
        return None, [Finding("info", "no-replay", message)]
    done = 0

    def tick(steps: int) -> None:
        nonlocal done
        done += steps
        progress(min(done, _STEPS), _STEPS)

    replay = Replay(env, states, make_recording(demos), tick=tick)
    return _diagnose(env, replay, consecutive=not demos.offsets)


def _diagnose(env: Env, replay: Replay, *, consecutive: bool) -> tuple[OneStepError | None, list[Finding]]:
    rows, space = replay.rows, env.action_space
    first, last = rows.step == 0, rows.left == 0
    inner = draw_rows(replay.replayable(np.flatnonzero(~first & ~last)), _ROWS, seed=0)
    starts = draw_rows(replay.replayable(np.flatnonzero(first & ~last)), _EDGES, seed=1)
    stops = draw_rows(replay.replayable(np.flatnonzero(last & ~first)), _EDGES, seed=2)
    index = np.concatenate([inner, starts, stops])
    if not len(inner):
        message = "single steps were not replayed: no row shows the whole state and has a next observation"
        return None, [Finding("info", "no-replay", message)]
    errors = replay.errors(index)
    effect = median_or_zero(replay.errors(inner, _other_actions(rows.actions, inner)))
    found = OneStepError(len(index), median_or_zero(errors), float(errors.max()), effect)
    within = errors[: len(inner)]
    findings = []
    # The mean counts too: where an action is held for many steps, a shift by one shows in few rows.
    if max(median_or_zero(within), within.mean()) > max(_GOOD * effect, _FLOOR):
        explained = best_candidate(replay, _contested(replay, space), consecutive=consecutive, space=space)
        if explained is not None:
            return found, [with_errors(*explained)]
        compared = draw_rows(inner, _COMPARED, seed=5)
        findings += better_version(env, replay, compared) + _wrong_environment(found, median_or_zero(within))
        findings = findings or other_physics(replay, inner, within, effect)
    if not any(finding.severity == "error" for finding in findings):
        findings += _bad_rows(replay, index, errors, len(inner), len(starts))
    return found, findings


def _other_actions(actions: Array, index: RowNumbers) -> Array:
    """Return for each row the action of another row, a different action if a few draws give one."""
    random = np.random.default_rng(3)
    others = random.integers(0, len(actions), len(index))
    for _ in range(_DRAWS):
        same = (actions[others] == actions[index]).reshape(len(index), -1).all(axis=1)
        others[same] = random.integers(0, len(actions), int(same.sum()))
    return np.asarray(actions[others])


def _contested(replay: Replay, space: Any) -> RowNumbers:
    """Draw rows within trajectories whose neighbours have different actions: they show a shift and its direction."""
    rows = replay.rows
    # Not ``rows.left > 0``, since the last rows of a long trajectory may be missing.
    continued = np.append(rows.trajectory[1:] == rows.trajectory[:-1], False)
    inner = replay.replayable(np.flatnonzero((rows.step > 0) & continued))
    # Most environments clip actions, so that all actions beyond a bound are the same.
    actions = np.clip(rows.actions, space.low, space.high) if isinstance(space, Box) else rows.actions
    actions = actions.reshape(len(actions), -1).astype(np.float64)
    apart = np.abs(actions[inner + 1] - actions[inner - 1]).max(axis=1, initial=0)
    differing = inner[apart > 0.1 * actions.std()]
    return draw_rows(differing if len(differing) >= _LEAST else inner, _TRIED, seed=4)


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
            f"standard deviations, with another row's action it is {found.action_effect:.2g}, and neither shifting nor "
            "scaling the actions helps",
            "name the version and the arguments that the steps were recorded with: --env, --env-kwargs",
        )
    ]


def _bad_rows(replay: Replay, index: RowNumbers, errors: Errors, inner: int, starts: int) -> list[Finding]:
    within = errors[:inner]
    limit = max(_BEYOND * float(np.quantile(within, 0.95)), _FLOOR)
    change = replay.errors_without_step(index)
    bad = (errors > limit) & (errors > _UNPREDICTED * change)
    at_start, at_stop = bad[inner : inner + starts], bad[inner + starts :]
    rows, findings = replay.rows, []
    if starts and at_start.mean() > _MOST:
        findings.append(
            Finding(
                "warning",
                "stale-first-observation",
                f"the first step of {int(at_start.sum())} of {starts} trajectories does not follow from its "
                f"observation (one-step error {median_or_zero(errors[inner : inner + starts]):.2g} standard "
                f"deviations, elsewhere {median_or_zero(within):.2g}): the first observation is older than the reset",
                "leave the first row of each trajectory out: Trajectory.rows(slice(1, None))",
            )
        )
    if len(at_stop) and at_stop.mean() > _MOST:
        findings.append(
            Finding(
                "warning",
                "next-episode-observation",
                f"the last next observation of {int(at_stop.sum())} of {len(at_stop)} trajectories is not where the "
                f"last step leads (one-step error {median_or_zero(errors[inner + starts :]):.2g} standard deviations, "
                f"elsewhere {median_or_zero(within):.2g}): it was observed after the reset",
                "rexd convert --drop-last-next-observation",
            )
        )
    bad &= np.minimum(errors, change) > max(_ELSEWHERE, median_or_zero(change))  # the recording itself has to jump too
    if bad[:inner].sum() >= _JUMPS:
        findings.append(_jumps(rows, index[:inner][bad[:inner]], inner))
    return findings


def _jumps(rows: Recording, bad: RowNumbers, of: int) -> Finding:
    return Finding(
        "warning",
        "jumps",
        f"{len(bad)} of {of} steps within trajectories lead elsewhere than the simulator, the first at step "
        f"{rows.step[bad[0]]} of trajectory {rows.trajectory[bad[0]]}: an end that is not marked, or a state that was "
        "set by hand",
        "give the length of the trajectories where they are equal: --episode-length",
    )
