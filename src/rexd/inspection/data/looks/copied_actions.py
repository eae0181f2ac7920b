"""Findings about actions that stand among the observations, such as ``obs/actions`` in robot logs."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Array
from rexd.inspection.data.finding import Finding
from rexd.inspection.data.look import Look, Looking
from rexd.inspection.data.looks.columns import ranges

_ROUNDING = 1e-6  # share of the largest value of an action column: float32 rounds
_DISTINCT = 10  # values of an action column; columns of a few values agree by chance
_TRIED = 64  # rows that leave few pairs of columns to compare in all others


def copied_actions(known_width: bool) -> Look[list[Finding]]:
    """Look for observation columns that are an action column of the same row or of the row before.

    Args:
        known_width: Whether the environment is named and has as many observation columns.
    """
    return Look(partial(_copied, known_width=known_width))


def _copied(demos: Demonstrations, known_width: bool) -> Looking[list[Finding]]:
    # Two pairings of observation and action columns that are equal in all rows so far: (D, A) each.
    same = np.ones((2, demos.obs_dim, demos.act_dim if demos.n_actions is None else 0), np.bool_)
    values: list[NDArray[np.float64]] = [np.zeros(0)] * same.shape[2]
    compared = np.zeros(2, np.int64)
    while (t := (yield)) is not None:
        if not same.any():
            continue
        follows = np.flatnonzero(np.diff(t.steps) == 1)  # the row before is left out of thinned rows
        every = np.arange(len(t))
        for kind, (rows, acts) in enumerate(((every, every), (follows + 1, follows))):
            observations, actions = t.observations[rows], t.actions[acts]
            compared[kind] += len(actions)
            same[kind] &= _equal(observations[:_TRIED], actions[:_TRIED], same[kind])
            same[kind] &= _equal(observations, actions, same[kind])
        for column in np.flatnonzero(same.any(axis=(0, 1))):
            values[column] = np.unique(np.concatenate([values[column], t.actions[:, column]]))[: 2 * _DISTINCT]
    same &= np.array([len(found) >= _DISTINCT for found in values], np.bool_)
    same &= (compared >= _DISTINCT)[:, None, None]
    now, before = (np.argwhere(pairs) for pairs in same)
    if len(now):
        message = (
            f"{_named(demos, now)} in the same row: whoever sees it knows the action already. A clone copies it, the "
            "reward looks at little else, and at play time no such column exists before the action"
        )
        return [Finding("warning", "copied-action", message, _mend(now))]
    if not len(before):
        return []
    message = f"{_named(demos, before)} of the row before"
    if known_width:
        return [Finding("info", "copied-action", f"{message}, as an environment that shows its last action gives it")]
    message += (
        ": a clone repeats the last action instead of looking at the state, and the environment has to show it as well"
    )
    return [Finding("warning", "copied-action", message, f"unless the environment shows it too: {_mend(before)}")]


def _equal(observations: Array, actions: Array, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Compare columns of (n, D) and (n, A) rows; (D, A), False for pairs that are not ``among`` those asked for."""
    found = np.zeros_like(among)
    for column in np.flatnonzero(among.any(axis=0)):
        action = actions[:, column, None].astype(np.float64)
        candidates = np.flatnonzero(among[:, column])
        apart = np.abs(observations[:, candidates] - action)
        found[candidates, column] = (apart <= _ROUNDING * np.abs(action).max(initial=0.0)).all(axis=0)
    return found


def _named(demos: Demonstrations, pairs: NDArray[np.intp]) -> str:
    one, columns = len(pairs) == 1, np.unique(pairs[:, 0]).tolist()
    return (
        f"observation column{'' if one else 's'} {ranges(columns)}{demos.named(columns)} {'is' if one else 'are'} "
        f"action column{'' if one else 's'} {ranges(np.unique(pairs[:, 1]).tolist())}"
    )


def _mend(pairs: NDArray[np.intp]) -> str:
    return f"rexd convert --drop-columns {ranges(np.unique(pairs[:, 0]).tolist())}"
