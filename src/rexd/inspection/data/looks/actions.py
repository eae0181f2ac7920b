"""Findings about actions, compared with the bounds of the action space."""

from __future__ import annotations

from functools import partial

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking

_ROUNDING = 1e-5  # share of the range: float32 rounds, and tanh only comes near to 1
# Recordings that were never clipped have 0.1% (Ant-v2, where it matters little) to 45% (Hopper-v2) beyond the bounds.
_MANY = 0.01
# An expert that drives at full power has half of its entries at the bounds (HalfCheetah: 55%). That is no fault, but
# clipped actions look the same, and a policy without squashing suits them better.
_OFTEN = 0.25
# In units of half the range. Hopper-v2, never clipped, has a median of 1.4 in its worst column.
_BEYOND, _BELOW = 3.0, 0.05
_PILED, _AT_LEAST = 0.01, 5  # share and number of entries with exactly the largest value
_SAMPLED = 2**21  # largest number of rows whose units are looked at
_INSIDE, _DISTINCT = 0.9, 20  # a controller that switches between a few forces often uses the largest
_SCALE = "rexd convert --scale-actions"


def clipped_actions(low: Array, high: Array) -> Look[list[Finding]]:
    """Look for entries beyond the bounds, which the environment clips without a warning."""
    return Look(partial(_clipped, low=low, high=high))


def saturated_actions(low: Array, high: Array) -> Look[list[Finding]]:
    """Look for entries exactly at the bounds."""
    return Look(partial(_saturated, low=low, high=high))


def unscaled_actions(low: Array, high: Array) -> Look[list[Finding]]:
    """Look for actions in other units than the environment's."""
    return Look(partial(_unscaled, low=low, high=high))


def _clipped(demos: Demonstrations, low: Array, high: Array) -> Looking[list[Finding]]:
    margin, count, largest = _margin(low, high), 0, 0.0
    while (t := (yield)) is not None:
        outside = (t.actions < low - margin) | (t.actions > high + margin)
        if outside.any():
            count += int(outside.sum())
            largest = max(largest, float(np.abs(t.actions[outside]).max()))
    share = count / (demos.n_transitions * demos.act_dim)
    if not share:
        return []
    message = (
        f"{share:.1%} of the action entries lie beyond the action space (up to {largest:.3g}); "
        "environments clip them, so that a policy within the bounds can never reproduce them"
    )
    mend = "name the environment when fitting and training (--env), which clips them; or rexd convert --clip-actions"
    return [Finding("warning" if share >= _MANY else "info", "clipped-actions", message, mend)]


def _saturated(demos: Demonstrations, low: Array, high: Array) -> Looking[list[Finding]]:
    margin, count = _margin(low, high), 0
    while (t := (yield)) is not None:
        count += int(((np.abs(t.actions - low) <= margin) | (np.abs(t.actions - high) <= margin)).sum())
    share = count / (demos.n_transitions * demos.act_dim)
    if share < _OFTEN:
        return []
    message = f"{share:.1%} of the action entries lie exactly at the bounds: full power, or clipped actions"
    return [Finding("info", "saturated-actions", message)]


def _unscaled(demos: Demonstrations, low: Array, high: Array) -> Looking[list[Finding]]:
    every, parts, phase = -(-demos.n_transitions // _SAMPLED), list[Array](), 0
    while (t := (yield)) is not None:
        parts.append(t.actions[phase::every].copy() if every > 1 else t.actions)
        phase = (phase - len(t)) % every
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (high > low).all()):
        return []
    scaled = (np.concatenate(parts) - (high + low) / 2) / ((high - low) / 2)
    size = np.abs(scaled)
    sampled = f" (of {len(size):,} rows, one in {every})" if every > 1 else ""
    typical, largest = float(np.median(size, axis=0).max()), size.max(axis=0)
    if typical > _BEYOND:
        message = (
            f"half of the actions of a column are beyond {typical:.3g} times the bounds: they are in other "
            f"units{sampled}"
        )
        return [Finding("warning", "unscaled-actions", message, _SCALE)]
    # Actions that were clipped in other units pile up at a value within the bounds, such as 1 where the bound is 2.
    at_largest = np.isclose(size, largest, rtol=1e-6, atol=0)
    piled = (at_largest.mean(axis=0) >= _PILED) & (at_largest.sum(axis=0) >= _AT_LEAST)
    distinct = np.array([len(np.unique(column)) for column in size.T])
    inside = piled & (distinct >= _DISTINCT) & (largest > 1e-6) & (largest < _INSIDE)
    if inside.any():
        column = int(np.flatnonzero(inside)[0])
        message = (
            f"{at_largest[:, column].mean():.1%} of the actions of column {column} lie at exactly "
            f"{largest[column]:.3g} times the bounds and none beyond: they were clipped to a range in other "
            f"units{sampled}"
        )
        return [Finding("warning", "unscaled-actions", message, _SCALE)]
    if largest.max() < _BELOW:
        # This is information only: a pendulum that stands needs no force.
        message = (
            f"actions use no more than {largest.max():.2%} of their range: the expert is at rest, or the units are "
            f"others; a replay with --env tells which{sampled}"
        )
        return [Finding("info", "unscaled-actions", message)]
    return []


def _margin(low: Array, high: Array) -> Array:
    span = np.asarray(high, np.float64) - low
    return np.where(np.isfinite(span), _ROUNDING * span, 0.0)
