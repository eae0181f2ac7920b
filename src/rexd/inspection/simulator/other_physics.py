"""Signs that a recording was made with another body, or other physics, than the environment that was named.

Training goes on with either: what the expert did may work here too, but nobody recorded it here.
"""

from __future__ import annotations

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.envs.make import Env
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.looks.columns import constant_columns_of
from rexd.inspection.simulator.replay import Errors, Replay, RowNumbers, median_or_zero

_RESETS, _STEPS = 3, 8
_SAME, _OTHER = 1e-6, 1e-3  # shares of a value: what float32 rounds, and what makes another value
_NAMED = 5  # columns that a message names
# The least median error, in standard deviations and as a share of the effect of another row's action, and the least
# share of the squared errors that is linear in the action. Recordings of another body have 0.07 and 0.65 (Humanoid),
# 0.2 and 0.60 (a double pendulum). Ant-v2, whose contacts are solved in another way, has 0.05 and 0.01; HalfCheetah-v2
# has a share of 0.6, but of an error of 0.008.
_LEAST, _EFFECT, _LINEAR = 0.03, 0.02, 0.4
_TRIMMED = 0.9  # quantile of the errors up to which rows count: collisions and jumps say nothing about bodies
_ROWS = 10  # rows for each action column, without which a linear fit tells nothing
_MEND = "name the version and the arguments that it was recorded with, if you have them: --env, --env-kwargs"


def other_body(env: Env, demos: Demonstrations) -> list[Finding]:
    """Return a finding if columns that are constant in the demonstrations are constants of another value here.

    Args:
        env: The environment, which is reset and stepped.
        demos: The demonstrations, with the environment's columns.
    """
    recorded = constant_columns_of(demos)
    if not recorded:
        return []
    columns, values = np.array(list(recorded)), np.array(list(recorded.values()))
    shown = _observed(env)[:, columns]
    here = shown.mean(axis=0)
    size = np.maximum(np.abs(here), np.abs(values))
    apart = np.abs(values - here)
    other = (np.ptp(shown, axis=0) <= _SAME * np.maximum(size, 1.0)) & (apart > np.maximum(_OTHER * size, _SAME))
    found = np.flatnonzero(other)
    if not found.size:
        return []
    worst = found[np.argsort(-apart[found] / size[found], kind="stable")]
    named = ", ".join(
        f"column {columns[n]}{demos.named([columns[n]])} is {values[n]:.6g}, here {here[n]:.6g}" for n in worst[:_NAMED]
    )
    message = (
        f"{len(found)} observation columns that never vary have another value in the environment, which never varies "
        f"either ({named}{', ...' if len(found) > _NAMED else ''}): masses, lengths or other settings of the recorded "
        "body are not those of this one"
    )
    return [Finding("warning", "other-body", message, _MEND)]


def other_physics(replay: Replay, index: RowNumbers, errors: Errors, effect: float) -> list[Finding]:
    """Return a finding if all rows miss a little, in proportion to their actions.

    Args:
        replay: The replay of the recording.
        index: Numbers of the rows that were replayed.
        errors: Their errors.
        effect: The median error with the action of another row.
    """
    space, typical = replay.action_space, median_or_zero(errors)
    if not isinstance(space, Box) or typical <= max(_LEAST, _EFFECT * effect):
        return []
    index = index[errors <= np.quantile(errors, _TRIMMED)]
    actions = np.clip(replay.rows.actions[index].astype(np.float64), space.low, space.high)
    if len(index) < _ROWS * actions.shape[1]:
        return []
    missed = replay.missed(index)
    share = 1 - float(np.square(missed - _linear(actions, missed)).sum() / np.square(missed).sum())
    if not share >= _LINEAR:
        return []
    size = np.sqrt(np.square(missed).mean(axis=0))
    worst = np.argsort(-size, kind="stable")[:_NAMED]
    named = ", ".join(f"{replay.columns[n]} by {size[n]:.2g}" for n in worst if size[n] > 0.5 * size[worst[0]])
    message = (
        f"all steps miss those of the environment by {typical:.2g} standard deviations (median), "
        f"{typical / effect:.0%} of what another row's action changes, and {share:.0%} of the squared miss is "
        f"proportional to the action (most in observation column {named}): masses, gears or the step of time of the "
        "recording are not this environment's"
    )
    return [Finding("warning", "other-physics", message, _MEND)]


def _observed(env: Env) -> NDArray[np.float64]:
    """Return observations after resets and a few random steps, (n, D)."""
    rows = []
    env.action_space.seed(0)
    for seed in range(_RESETS):
        rows.append(env.reset(seed=seed)[0])
        for _ in range(_STEPS):
            row, _, terminated, truncated, _ = env.step(env.action_space.sample())
            rows.append(row)
            if terminated or truncated:
                break
    return np.array(rows, np.float64)


def _linear(actions: NDArray[np.float64], missed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predict what is missed, (n, C), from (n, A) actions, each half of the rows by a fit to the other half."""
    predicted, even = np.zeros_like(missed), np.arange(len(actions)) % 2 == 0
    for half in (even, ~even):
        predicted[half] = actions[half] @ np.linalg.lstsq(actions[~half], missed[~half], rcond=None)[0]
    return predicted
