"""What demonstrations hold, as JSON and as a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from rexd.cli.output import print_facts
from rexd.cli.text import number
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.findings.columns import CONSTANT, ranges


def describe(raw: Demonstrations, fitted: Demonstrations) -> dict[str, Any]:
    """Everything that is worth knowing, as plain JSON types.

    Args:
        raw: As the file has them.
        fitted: After they were fitted to the environment, if one is named.
    """
    lengths = [len(t) for t in raw]
    first, rows = raw.trajectories[0], raw.transitions()
    spread, size = rows.obs.std(axis=0, dtype=float), np.abs(rows.obs.mean(axis=0, dtype=float))
    actions = np.concatenate([t.actions for t in raw])
    found: dict[str, Any] = {
        "env_id": raw.env_id,
        "trajectories": len(raw),
        "transitions": raw.n_transitions,
        "unused_transitions": sum(len(t) for t in raw.unused),
        "lengths": lengths,
        "terminated": sum(bool(t.terminated.any()) for t in raw),
        "observations": {"columns": raw.obs_dim, "dtype": str(first.observations.dtype)},
        "actions": {
            "columns": None if raw.n_actions is not None else raw.act_dim,
            "count": fitted.n_actions,
            "dtype": str(first.actions.dtype),
            "low": float(actions.min()),
            "high": float(actions.max()),
        },
        "returns": None if raw.returns is None else list(raw.returns),
        "constant_columns": [int(c) for c in np.flatnonzero(spread <= CONSTANT * np.maximum(size, 1.0))],
        "next_observations_missing": int((~rows.next_known).sum()),
        "outside_action_space": None,
        "notes": list(fitted.notes),
    }
    if fitted.action_bounds is not None:
        low, high = fitted.action_bounds
        outside = int(((actions < low) | (actions > high)).sum())
        found["outside_action_space"] = {
            "entries": outside,
            "share": outside / actions.size,
            "low": _bounds(low),
            "high": _bounds(high),
        }
    return found


def _bounds(values: Any) -> list[float | None]:
    """JSON has no infinity."""
    return [float(v) if np.isfinite(v) else None for v in np.atleast_1d(values)]


def print_described(found: dict[str, Any]) -> None:
    """The facts as a table, one line each."""
    lengths, actions, outside = found["lengths"], found["actions"], found["outside_action_space"]
    steps = f"{lengths[0]:,}" if len(set(lengths)) == 1 else f"{min(lengths):,} to {max(lengths):,}"
    returns, constant = found["returns"], found["constant_columns"]
    kind = f"{actions['columns']} columns" if actions["count"] is None else f"one of {actions['count']}"
    columns = found["observations"]["columns"]
    missing, unused, one_step = found["next_observations_missing"], found["unused_transitions"], found["one_step"]
    print_facts(
        {
            "format": found["format"],
            "environment": found["env_id"] or "not recorded",
            "trajectories": f"{found['trajectories']}, of {steps} steps: {found['transitions']:,} transitions",
            "unused": f"{unused:,} transitions that a selection left out" if unused else None,
            "ends": f"{found['terminated']} terminated, {found['trajectories'] - found['terminated']} truncated",
            "observations": f"{columns} columns, {found['observations']['dtype']}",
            "actions": f"{kind}, {actions['dtype']}, {actions['low']:.4g} to {actions['high']:.4g}",
            "outside bounds": None
            if outside is None
            else f"{outside['entries']:,} action entries ({outside['share']:.1%}) lie beyond the action space",
            "returns": "not recorded"
            if returns is None
            else f"{number(float(np.mean(returns)))} on average, {number(min(returns))} to {number(max(returns))}",
            "constant columns": f"{len(constant)} of {columns}: {ranges(constant)}" if constant else "none",
            "next observations": f"not recorded for {missing:,} transitions" if missing else None,
            "one-step error": None if one_step is None else _one_step(one_step),
        },
        title=found["file"],
    )


def _one_step(found: dict[str, Any]) -> str:
    return (
        f"median {_small(found['median'])}, maximum {_small(found['maximum'])} standard deviations over "
        f"{found['rows']:,} rows ({_small(found['action_effect'])} with another row's action)"
    )


def _small(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.2g}"
