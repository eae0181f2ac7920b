"""Probes that need no environment: demonstrated rows with one thing about them changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.demos.transitions import Transitions
from rexd.diagnosis.ladder import ONE_COLUMN, noise_ladders, one_column_moved
from rexd.diagnosis.probe import MOST_ROWS, Probe, evenly
from rexd.reward.calibration import unrelated_actions
from rexd.reward.checks import OTHER_ACTIONS, RANDOM_ACTIONS, UNUSED
from rexd.reward.rows import Rows

BETWEEN = "halfway between trajectories"
NO_VELOCITY = "expert states without velocity"


def demonstrated_probes(demonstrations: Demonstrations, velocities: Sequence[int] | None, seed: int) -> Iterator[Probe]:
    """Yield the probes that are made of demonstrations.

    Args:
        demonstrations: What the reward was fitted to, in memory; no images.
        velocities: Observation columns that are velocities, if they are known.
        seed: Seed of everything that is drawn.
    """
    unused = demonstrations.unused_transitions()
    if unused is not None:
        yield Probe(UNUSED, evenly(Rows.of_transitions(unused)))
    if demonstrations.has_actions:
        uniform, others = unrelated_actions(demonstrations, seed)
        yield Probe(OTHER_ACTIONS, others)
        yield Probe(RANDOM_ACTIONS, uniform)
    rows = demonstrations.transitions()
    some = evenly(Rows.of_transitions(rows))
    yield from noise_ladders(demonstrations, some, seed)
    yield Probe(ONE_COLUMN, one_column_moved(some, seed))
    between = _between(rows, seed)
    if between is not None:
        yield Probe(BETWEEN, between)
    if velocities:
        yield Probe(NO_VELOCITY, without_velocity(some, velocities))


def without_velocity(rows: Rows, velocities: Sequence[int]) -> Rows:
    """Return the rows with velocities of zero; the body stands still, so that the next state is the state."""
    still = rows.obs.copy()
    still[:, list(velocities)] = 0.0
    return replace(rows, obs=still, next_obs=None if rows.next_obs is None else still)


def _between(rows: Transitions, seed: int) -> Rows | None:
    """Return the middles of pairs of rows from different trajectories; None where there is one trajectory alone."""
    rng = np.random.default_rng(seed)
    one, other = rng.integers(len(rows), size=(2, MOST_ROWS))
    pairs = rows.trajectory[one] != rows.trajectory[other]
    one, other = one[pairs], other[pairs]
    if not len(one):
        return None

    def middle(values: Array) -> Array:
        return np.asarray(values[one] / 2 + values[other] / 2)

    act = rows.act[one] if rows.act.dtype.kind != "f" else middle(rows.act)
    return Rows(middle(rows.obs), act, middle(rows.next_obs), middle(rows.step).astype(np.int64))
