"""Faults of recording that a replay of single steps tells apart, by replaying the rows with each fault undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from rexd.demos.trajectory import Array
from rexd.inspection.data.finding import Finding
from rexd.inspection.simulator.replay import Errors, Replay, RowNumbers

# The share, and the least number, of the rows with different errors in which a candidate has the smaller one.
_WINS, _LEAST = 0.75, 4
_BETTER = 0.5  # largest error of a candidate, as a multiple of the recording's
_FITTED = 0.3  # the same for a factor that was fitted to these very rows, and so has to explain more of them
_EXPLAINED = 0.5  # largest error, as a multiple of what the step changes; Ant-v2, whose contacts differ, has 0.13
_FACTORS = (-1.0, 0.4, 0.5, 2.0, 2.5)  # a wrong sign, Humanoid's bounds, bounds of 2, and the inverse of both
_FITTED_ROWS = 50
_TRIMMED = 0.9  # share of the rows whose errors count: collisions are noisy


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fault, and the rows as they would be without it.

    Attributes:
        finding: The finding if these rows are reproduced far better than the recorded ones.
        observations: (n, D) observations in place of the recorded ones.
        actions: (n, A) or (n,) actions in place of the recorded ones.
        better: The largest error that is accepted, as a multiple of the recording's; at most 1.
    """

    finding: Finding
    observations: Array
    actions: Array
    better: float = _BETTER


def best_candidate(
    replay: Replay, index: RowNumbers, *, consecutive: bool, space: Any
) -> tuple[Finding, Errors, Errors] | None:
    """Find the fault without which the simulator reproduces the rows far better.

    Args:
        replay: The replay of the recording.
        index: Numbers of rows that have neighbours in their trajectory on both sides.
        consecutive: Whether neighbouring rows are consecutive steps.
        space: The action space.

    Returns:
        The finding, with the errors of the recorded rows and those without the fault; None if no fault explains them.
    """
    recorded = replay.errors(index)
    if not len(index):
        return None
    candidates = [*(_neighbours(replay, index) if consecutive else ()), *_scales(replay, index, space)]
    best: tuple[Candidate, Errors] | None = None
    for candidate in candidates:
        errors = replay.errors(index, candidate.actions, observations=candidate.observations)
        differ = np.abs(errors - recorded) > 0.1 * np.maximum(errors, recorded)
        wins = int((errors < recorded)[differ].sum())
        if wins < max(_LEAST, _WINS * differ.sum()) or _trimmed(errors) > candidate.better * _trimmed(recorded):
            continue
        if _trimmed(errors) > _EXPLAINED * _trimmed(replay.errors_without_step(index, candidate.observations)):
            continue
        if best is None or _trimmed(errors) < _trimmed(best[1]):
            best = candidate, errors
    return None if best is None else (best[0].finding, recorded, best[1])


def _trimmed(errors: Errors) -> float:
    """Return the mean without the largest errors."""
    return float(np.sort(errors)[: max(1, int(_TRIMMED * len(errors)))].mean())


def _neighbours(replay: Replay, index: RowNumbers) -> Iterator[Candidate]:
    """Yield the rows without a shift: with actions or observations that were recorded a step too early or too late."""
    rows = replay.rows
    here, actions = rows.observations[index], rows.actions[index]
    yield Candidate(
        Finding(
            "error",
            "shifted-actions",
            "each step is reproduced by the action of the following row: actions are stored one row late, or "
            "observations after the step that they belong before",
            "rexd convert --shift-actions 1",
        ),
        here,
        rows.actions[index + 1],
    )
    yield Candidate(
        Finding(
            "error",
            "shifted-actions",
            "each step is reproduced by the action of the row before: actions are stored one row early, or "
            "observations one step late",
            "rexd convert --shift-actions -1",
        ),
        here,
        rows.actions[index - 1],
    )
    if np.mean((rows.observations[index + 1] == rows.next_observations[index]).all(axis=1)) < 0.5:
        # Otherwise the following observation is where the step ends, and the simulator always stays near to it.
        yield Candidate(
            Finding(
                "error",
                "late-observations",
                "each step starts from the observation of the following row: observations are one step older than the "
                "actions and next observations beside them",
                "rexd convert --shift-actions -1",
            ),
            rows.observations[index + 1],
            actions,
        )
    yield Candidate(
        Finding(
            "error",
            "late-observations",
            "each step starts from the observation of the row before: observations were stored after the step instead "
            "of before it",
            "rexd convert --shift-actions 1",
        ),
        rows.observations[index - 1],
        actions,
    )


def _scales(replay: Replay, index: RowNumbers, space: Any) -> Iterator[Candidate]:
    """Yield the rows with actions in the environment's units, and with clipped actions."""
    if not isinstance(space, Box):
        return
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    bounded = bool(np.isfinite(low).all() and np.isfinite(high).all() and (high > low).all())
    here, actions = replay.rows.observations[index], replay.rows.actions[index].astype(np.float64)
    if bounded:
        middle, half = (high + low) / 2, (high - low) / 2
        if not (np.allclose(half, 1.0) and np.allclose(middle, 0.0)):
            yield Candidate(
                _scaled(
                    "each step is reproduced after actions from -1 to 1 are scaled to the environment's bounds "
                    f"(times {_numbers(half)})",
                    "rexd convert --scale-actions",
                ),
                here,
                middle + half * actions,
            )
        if (actions < low).any() or (actions > high).any():
            yield Candidate(
                Finding(
                    "error",
                    "clipped-actions",
                    "steps are reproduced by actions clipped to the bounds, which the environment itself does not clip",
                    "rexd convert --clip-actions",
                ),
                here,
                np.clip(actions, low, high),
            )
    fitted = _fitted_factor(replay, index, low, high)
    for factor in (*_FACTORS, *([] if fitted is None else [fitted])):
        yield Candidate(
            _scaled(
                f"each step is reproduced after actions are multiplied by {factor:.6g}: they are stored in other "
                "units, or the environment has other gears",
                f"rexd convert --scale-actions {factor:.6g}",
            ),
            here,
            factor * actions,
            _FITTED if factor == fitted else _BETTER,
        )


def _scaled(message: str, mend: str) -> Finding:
    return Finding("error", "scaled-actions", message, mend)


def _fitted_factor(replay: Replay, index: RowNumbers, low: Array, high: Array) -> float | None:
    """Estimate the factor between recorded and taken actions.

    The change of the state that the recording shows is compared with that of a small part of the recorded action.
    """
    largest = np.abs(replay.rows.actions[index]).max(axis=1)
    # The rows with the smallest actions are used, since the environment may have clipped the others.
    index = index[np.argsort(largest)[: max(_FITTED_ROWS, len(index) // 3)]]
    actions, here = replay.rows.actions[index].astype(np.float64), replay.rows.observations[index]
    reach = np.minimum(np.abs(low), np.abs(high)).min()
    # A tenth of the bounds: the effect of an action is nearly linear there, and nothing is clipped.
    size = np.maximum(np.abs(actions).max(axis=1, keepdims=True), 1e-9)
    small = 0.1 * (reach if np.isfinite(reach) and reach > 0 else 1.0) / size
    still = replay.simulate(here, np.zeros_like(actions))
    effect = replay.standardised(replay.simulate(here, small * actions) - still) / small
    recorded = replay.standardised(replay.rows.next_observations[index] - still)
    along, length = (effect * recorded).sum(axis=1), (effect**2).sum(axis=1)
    valid = np.isfinite(along) & np.isfinite(length) & (length > 0)
    if not valid.any():
        return None
    factor = float(np.median(along[valid] / length[valid]))  # the median, since the effect is not linear in contact
    return _rounded(factor) if 1e-4 < abs(factor) < 1e4 and abs(factor - 1) > 0.05 else None


def _rounded(factor: float) -> float:
    """Return a common factor, such as 0.5 or π/180, if one is within 2%; otherwise the factor itself."""
    plain = np.array([0.1, 0.2, 0.25, 0.4, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0, 100.0, np.pi / 180, 180 / np.pi])
    near = plain[np.abs(abs(factor) / plain - 1) < 0.02]
    return float(np.copysign(near[0], factor)) if near.size else factor


def _numbers(values: Array) -> str:
    return f"{values[0]:g}" if np.allclose(values, values[0]) else ", ".join(f"{value:g}" for value in values)


def with_errors(finding: Finding, recorded: Errors, mended: Errors) -> Finding:
    """Return the finding with the median errors of the recorded and of the mended rows in its message."""
    before, after = float(np.median(recorded)), float(np.median(mended))
    return replace(
        finding, message=f"{finding.message} (median one-step error {after:.2g} standard deviations, now {before:.2g})"
    )
