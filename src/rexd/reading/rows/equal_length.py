"""Inferring where trajectories of equal length begin, in files that store them end to end and do not record it.

Two independent signs mark the first row of a trajectory: a linear prediction from the row before has a large residual,
and the row resembles the first row of the file. A period is accepted only if every multiple of it shows both signs, no
other row shows both, and the probability that this happens by chance is small. Otherwise the user must give the length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError

_MAX_SURPRISE_SHARE = 0.01
_MAX_RETURN_SHARE = 0.05
_MAX_CHANCE = 1e-6  # probability of a chance match, over all periods that are tried
_MAX_CHANCE_AT_LIMIT = 1e-3  # the same for the period that the environment's time limit names, which is tried alone
_NEAR = 0.6  # in real recordings, rows within a trajectory reach 0.55 of the weakest boundary, true boundaries 0.65
_SATURATION = 0.3  # in standard deviations, so that a column that is drawn anew (Reacher's target) does not dominate

Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Boundaries:
    """The length of each trajectory, and a note for the user on how it was found."""

    episode_length: int
    note: str


def find_boundaries(
    source: str, observations: Array, *, episode_length: int | None = None, max_episode_steps: int | None = None
) -> Boundaries:
    """Return the length of the trajectories, as the user gives it or as the observations show it.

    Args:
        source: The file's name, for messages.
        observations: (N, D), the rows of trajectories of equal length, end to end.
        episode_length: The number of steps of each trajectory, if the user gives it.
        max_episode_steps: The environment's time limit. It is tried first, and accepted only if the data agree.

    Raises:
        DemonstrationError: The given length does not divide N, or the data do not show one clear length.
    """
    rows = len(observations)
    if episode_length is not None:
        if episode_length < 1 or rows % episode_length:
            raise DemonstrationError(
                f"{source}: {rows} steps do not divide into trajectories of {episode_length}; expected a divisor "
                f"of {rows}{_nearby(rows, episode_length)}. Give another episode_length (--episode-length)"
            )
        count = rows // episode_length
        return Boundaries(episode_length, f"cut into {count} trajectories of {episode_length} steps, as asked")
    return _infer(source, observations, max_episode_steps)


def _infer(source: str, observations: Array, limit: int | None) -> Boundaries:
    rows = len(observations)
    surprise, distance = _signs(observations)
    candidates = [period for period in range(2, rows // 2 + 1) if rows % period == 0]
    if limit in candidates and _accepts(surprise, distance, limit, least=1, max_chance=_MAX_CHANCE_AT_LIMIT):
        return Boundaries(limit, _note(rows, limit) + "; the environment's time limit agrees")
    chance = _MAX_CHANCE / max(len(candidates), 1)
    clear = [period for period in candidates if _accepts(surprise, distance, period, least=2, max_chance=chance)]
    if len(clear) == 1:
        return Boundaries(clear[0], _note(rows, clear[0]))
    if not clear and limit == rows:
        return Boundaries(rows, f"taken as one trajectory of {rows} steps, the environment's time limit")
    bad = np.flatnonzero(~np.isfinite(observations).all(axis=1))
    if len(bad):
        raise DemonstrationError(
            f"{source}: observations hold NaN or infinite values, the first in row {bad[0]} of {rows}; drop that "
            "trajectory or repair the recording"
        )
    raise DemonstrationError(
        f"{source}: {rows} steps are stored end to end, and the file does not say where trajectories begin; found "
        f"{'no period' if not clear else f'the periods {clear}'} at which the state jumps back to the start every "
        "time, expected exactly one. Give episode_length (--episode-length)"
    )


def _signs(observations: Array) -> tuple[Signal, Signal]:
    """Return each row's residual when predicted from the row before, and its distance from the first row; both (N,)."""
    values = np.nan_to_num(observations.astype(np.float64), posinf=0.0, neginf=0.0)
    scale = values.std(axis=0)
    varying = scale > 1e-8 * (1 + np.abs(values.mean(axis=0)))
    if len(values) < 3 or not varying.any():
        return np.zeros(len(values)), np.ones(len(values))
    z = (values[:, varying] - values[:, varying].mean(axis=0)) / scale[varying]
    before = np.hstack([z[:-1], np.ones((len(z) - 1, 1))])
    # A small ridge penalty keeps redundant columns (sine and cosine of one angle) from getting huge opposite weights.
    gram = before.T @ before + 1e-3 * len(before) * np.eye(before.shape[1])
    residual = np.abs(z[1:] - before @ np.linalg.solve(gram, before.T @ z[1:]))
    residual /= np.quantile(residual, 0.95, axis=0) + 1e-3
    surprise = np.concatenate([[0.0], np.sqrt((residual**2).mean(axis=1))])
    return surprise, np.minimum(np.abs(z - z[0]), _SATURATION).mean(axis=1)


def _accepts(surprise: Signal, distance: Signal, period: int, *, least: int, max_chance: float) -> bool:
    """Whether all multiples of a period, ``least`` of them or more, and no other rows show both signs."""
    starts = np.arange(period, len(surprise), period)
    if len(starts) < least:
        return False
    ordinary = np.ones(len(surprise), bool)
    ordinary[0] = False
    ordinary[starts] = False
    # All other rows are compared with the weakest boundary, as every boundary must stand out.
    jumps = (surprise >= surprise[starts].min())[ordinary]
    returns = (distance <= distance[starts].max())[ordinary]
    if jumps.mean() > _MAX_SURPRISE_SHARE or returns.mean() > _MAX_RETURN_SHARE:
        return False
    # Another row that comes near to both signs is a boundary too, so that the lengths are not equal.
    near = (surprise >= _NEAR * surprise[starts].min()) & (distance <= distance[starts].max() / _NEAR)
    if near[ordinary].any():
        return False
    rows = len(jumps) + 1
    chance = len(starts) * (math.log((jumps.sum() + 1) / rows) + math.log((returns.sum() + 1) / rows))
    return chance < math.log(max_chance)


def _note(rows: int, period: int) -> str:
    return (
        f"inferred {rows // period} trajectories of {period} steps: the state jumps back to the start at every "
        f"multiple of {period}, and nowhere else"
    )


def _nearby(rows: int, wanted: int) -> str:
    if wanted < 1:
        return ""
    divisors = [n for n in range(1, rows + 1) if rows % n == 0]
    return f", such as {min(divisors, key=lambda n: abs(n - wanted))}"
