"""Faults of recording that a replay of single steps can tell apart: what a row would be if it had each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from rexd.demos.trajectory import Array
from rexd.inspection.data.finding import Finding
from rexd.inspection.simulator.replay import Errors, Replay, Rows

WINS, LEAST = 0.75, 4  # share of the rows that differ, and how many have to
BETTER = 0.5  # times the error
EXPLAINED = 0.5  # times what the step changes; 0.13 in Ant-v2, whose contacts differ
FITTED = 0.3  # a factor is fitted to the rows that it explains, so that it has to explain more
_FACTORS = (-1.0, 0.4, 0.5, 2.0, 2.5)  # the other way round, Humanoid's bounds, bounds of 2, and back
_FITTED_ROWS = 50
_TRIMMED = 0.9  # share of the rows that counts: collisions are noisy


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fault, and the rows as they would be without it.

    Attributes:
        finding: What to say if these rows are reproduced far better.
        observations: (n, D) in place of the recorded ones.
        actions: (n, A) or (n,) in place of the recorded ones.
        better: How many times smaller the error has to be, at most 1.
    """

    finding: Finding
    observations: Array
    actions: Array
    better: float = BETTER


def best_candidate(
    replay: Replay, index: Rows, *, consecutive: bool, space: Any
) -> tuple[Finding, Errors, Errors] | None:
    """The fault that explains the rows far better than the recording as it is, with errors before and after.

    Args:
        replay: The simulator with the recording.
        index: Rows that have neighbours in their trajectory on both sides.
        consecutive: Whether neighbouring rows are consecutive steps.
        space: The action space.
    """
    recorded = replay.errors(index)
    if not len(index):
        return None
    candidates = [*(neighbours(replay, index) if consecutive else ()), *scales(replay, index, space)]
    best: tuple[Candidate, Errors] | None = None
    for candidate in candidates:
        errors = replay.errors(index, candidate.actions, observations=candidate.observations)
        differ = np.abs(errors - recorded) > 0.1 * np.maximum(errors, recorded)
        wins = int((errors < recorded)[differ].sum())
        if wins < max(LEAST, WINS * differ.sum()) or trimmed(errors) > candidate.better * trimmed(recorded):
            continue
        if trimmed(errors) > EXPLAINED * trimmed(replay.change(index, candidate.observations)):
            continue
        if best is None or trimmed(errors) < trimmed(best[1]):
            best = candidate, errors
    return None if best is None else (best[0].finding, recorded, best[1])


def trimmed(errors: Errors) -> float:
    """The mean without the largest errors."""
    return float(np.sort(errors)[: max(1, int(_TRIMMED * len(errors)))].mean())


def neighbours(replay: Replay, index: Rows) -> Iterator[Candidate]:
    """Columns that were recorded a step too early or too late."""
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
        # otherwise it is where the step ends, and nothing is near to it but that
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
            "each step starts from the observation of the row before: observations were stored after the step in place "
            "of before it",
            "rexd convert --shift-actions 1",
        ),
        rows.observations[index - 1],
        actions,
    )


def scales(replay: Replay, index: Rows, space: Any) -> Iterator[Candidate]:
    """Actions in other units than the environment's, or clipped after they were recorded."""
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
            FITTED if factor == fitted else BETTER,
        )


def _scaled(message: str, mend: str) -> Finding:
    return Finding("error", "scaled-actions", message, mend)


def _fitted_factor(replay: Replay, index: Rows, low: Array, high: Array) -> float | None:
    """What to multiply actions with, by how far small parts of them and the recorded steps move the state."""
    largest = np.abs(replay.rows.actions[index]).max(axis=1)
    # those that moved least: the environment may have clipped the others
    index = index[np.argsort(largest)[: max(_FITTED_ROWS, len(index) // 3)]]
    actions, here = replay.rows.actions[index].astype(np.float64), replay.rows.observations[index]
    reach = np.minimum(np.abs(low), np.abs(high)).min()
    # a tenth of the bounds: what an action does is nearly linear there, and nothing is clipped
    size = np.maximum(np.abs(actions).max(axis=1, keepdims=True), 1e-9)
    small = 0.1 * (reach if np.isfinite(reach) and reach > 0 else 1.0) / size
    still = replay.following(here, np.zeros_like(actions))
    effect = replay.scaled(replay.following(here, small * actions) - still) / small
    recorded = replay.scaled(replay.rows.next_observations[index] - still)
    along, length = (effect * recorded).sum(axis=1), (effect**2).sum(axis=1)
    valid = np.isfinite(along) & np.isfinite(length) & (length > 0)
    if not valid.any():
        return None
    factor = float(np.median(along[valid] / length[valid]))  # over rows: in contact the effect is not linear
    return _rounded(factor) if 1e-4 < abs(factor) < 1e4 and abs(factor - 1) > 0.05 else None


def _rounded(factor: float) -> float:
    """A number that somebody may have typed, where one is within 2%."""
    plain = np.array([0.1, 0.2, 0.25, 0.4, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0, 100.0, np.pi / 180, 180 / np.pi])
    near = plain[np.abs(abs(factor) / plain - 1) < 0.02]
    return float(np.copysign(near[0], factor)) if near.size else factor


def _numbers(values: Array) -> str:
    return f"{values[0]:g}" if np.allclose(values, values[0]) else ", ".join(f"{value:g}" for value in values)


def with_errors(finding: Finding, recorded: Errors, mended: Errors) -> Finding:
    """The finding with how far apart simulator and recording are before and after."""
    before, after = float(np.median(recorded)), float(np.median(mended))
    return replace(
        finding, message=f"{finding.message} (median one-step error {after:.2g} standard deviations, now {before:.2g})"
    )
