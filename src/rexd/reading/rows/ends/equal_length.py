"""Inferring where trajectories of equal length begin, in files that store them end to end and do not record it.

Two independent signs mark the first row of a trajectory: a linear prediction from the row before has a large residual,
and the row resembles the first row of the file. A period is accepted only if every multiple of it shows both signs, no
other row shows both, and the probability that this happens by chance is small. Otherwise the user must give the length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.rows.ends.jumps import (
    MAX_CHANCE,
    MAX_CHANCE_AT_LIMIT,
    MAX_SURPRISE_SHARE,
    Signal,
    reset_signs,
    visible_lengths,
)

_MAX_RETURN_SHARE = 0.05
_SHOWN = 20  # lengths that a message names
_NEAR = 0.6  # in real recordings, rows within a trajectory reach 0.55 of the weakest boundary, true boundaries 0.65


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
                f"of {rows}{_nearby(rows, episode_length)}. Give another episode_length (--episode-length), or for "
                "trajectories of different lengths the steps of each (--lengths)"
            )
        count = rows // episode_length
        return Boundaries(episode_length, f"cut into {count} trajectories of {episode_length} steps, as asked")
    return _infer(source, observations, max_episode_steps)


def _infer(source: str, observations: Array, limit: int | None) -> Boundaries:
    rows = len(observations)
    surprise, distance = reset_signs(observations)
    candidates = [period for period in range(2, rows // 2 + 1) if rows % period == 0]
    if limit in candidates and _accepts(surprise, distance, limit, least=1, max_chance=MAX_CHANCE_AT_LIMIT):
        return Boundaries(limit, _note(rows, limit) + "; the environment's time limit agrees")
    chance = MAX_CHANCE / max(len(candidates), 1)
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
        f"{source}: {rows} steps are stored end to end, and nothing says where trajectories begin; found "
        f"{'no period' if not clear else f'the periods {clear}'} at which the state jumps back to the start every "
        "time, expected exactly one. Store `terminated` and `truncated` beside each step. Or, if this is one "
        f"trajectory: --episode-length {rows}; {_advice(observations, clear)}"
    )


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
    if jumps.mean() > MAX_SURPRISE_SHARE or returns.mean() > _MAX_RETURN_SHARE:
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


def _advice(observations: Array, clear: list[int]) -> str:
    """Return what to do if there are several trajectories."""
    if clear:
        return f"if all are equally long: --episode-length {' or '.join(map(str, clear[:5]))}"
    lengths = visible_lengths(observations)
    if lengths is None:
        return "if there are several: --lengths A,B,... with the steps of each"
    if len(set(lengths)) == 1:
        length = lengths[0]
        return f"the state jumps after every {length} steps; if trajectories begin there: --episode-length {length}"
    shown = ",".join(map(str, lengths[:_SHOWN])) + (",..." if len(lengths) > _SHOWN else "")
    return (
        f"the state jumps after {min(lengths)} to {max(lengths)} steps; if trajectories begin there: --lengths {shown}"
    )


def _nearby(rows: int, wanted: int) -> str:
    if wanted < 1:
        return ""
    divisors = [n for n in range(2, rows + 1) if rows % n == 0] or [1]
    return f", such as {min(divisors, key=lambda n: abs(n - wanted))}"
