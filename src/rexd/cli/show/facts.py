"""The facts about demonstrations, as JSON and as a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from rexd.cli.show.output import print_facts
from rexd.cli.show.text import number
from rexd.demos.choices import describe_one
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.doubt import Doubt
from rexd.demos.streamed import lengths_of
from rexd.demos.trajectory import Array
from rexd.inspection.data.look import Look, Looking, look_at
from rexd.inspection.data.looks.columns import ranges, varying_columns


def describe(raw: Demonstrations, fitted: Demonstrations) -> dict[str, Any]:
    """Return the facts about demonstrations as plain JSON types.

    Args:
        raw: The demonstrations as they are in the file.
        fitted: The same after they were fitted to the environment; ``raw`` itself if none is named.
    """
    first = raw.trajectories[0]
    looks: list[Look[Any]] = [Look(partial(_see, bounds=fitted.action_bounds)), varying_columns]
    seen, varying = look_at(raw, looks)
    found: dict[str, Any] = {
        "env_id": raw.env_id,
        "trajectories": len(raw),
        "transitions": raw.n_transitions,
        "unused_transitions": int(lengths_of(raw.unused).sum()),
        "lengths": raw.lengths.tolist(),
        "terminated": seen.terminated,
        "observations": {"columns": raw.obs_dim, "dtype": str(first.observations.dtype)},
        "actions": {
            "columns": None if raw.n_actions is not None else raw.act_dim,
            "count": fitted.n_actions,
            "dtype": str(first.actions.dtype),
            "low": seen.low if raw.has_actions else None,
            "high": seen.high if raw.has_actions else None,
        },
        "returns": seen.returns if len(seen.returns) == len(raw) else None,
        "constant_columns": np.flatnonzero(~varying).tolist(),
        "next_observations_missing": seen.missing,
        "outside_action_space": None,
        "notes": [note for note in fitted.notes if not isinstance(note, Doubt)],  # doubts are findings
    }
    if fitted.action_bounds is not None:
        low, high = fitted.action_bounds
        found["outside_action_space"] = {
            "entries": seen.outside,
            "share": seen.outside / (raw.n_transitions * raw.act_dim),
            "low": _finite(low),
            "high": _finite(high),
        }
    return found


@dataclass
class _Seen:
    """What is counted in one pass over the trajectories."""

    terminated: int = 0
    missing: int = 0
    outside: int = 0
    low: float = math.inf
    high: float = -math.inf
    returns: list[float] = field(default_factory=list)


def _see(demos: Demonstrations, bounds: tuple[Array, Array] | None) -> Looking[_Seen]:
    seen = _Seen()
    while (t := (yield)) is not None:
        seen.terminated += bool(t.terminated.any())
        seen.missing += int((~t.next_known).sum())
        if t.actions.size:
            seen.low, seen.high = min(seen.low, float(t.actions.min())), max(seen.high, float(t.actions.max()))
        if t.total_reward is not None:
            seen.returns.append(t.total_reward)
        if bounds is not None:
            low, high = bounds
            seen.outside += int(((t.actions < low) | (t.actions > high)).sum())
    return seen


def _finite(values: Any) -> list[float | None]:
    """Return the values with None for those that are infinite, as JSON has no infinity."""
    return [float(v) if np.isfinite(v) else None for v in np.atleast_1d(values)]


def print_described(found: dict[str, Any]) -> None:
    """Print the facts that ``describe`` returned as a table with one line for each."""
    print_facts(described(found), title=found["file"])


def described(found: dict[str, Any]) -> dict[str, str | None]:
    """Return the facts that ``describe`` returned in words; None where there is nothing to say."""
    lengths, actions, outside = found["lengths"], found["actions"], found["outside_action_space"]
    steps = f"{lengths[0]:,}" if len(set(lengths)) == 1 else f"{min(lengths):,} to {max(lengths):,}"
    returns, constant = found["returns"], found["constant_columns"]
    kind = f"{actions['columns']} columns" if actions["count"] is None else describe_one(actions["count"])
    columns = found["observations"]["columns"]
    missing, unused, one_step = found["next_observations_missing"], found["unused_transitions"], found["one_step"]
    return {
        "format": found["format"],
        "environment": found["env_id"] or "not recorded",
        "trajectories": f"{found['trajectories']}, of {steps} steps: {found['transitions']:,} transitions",
        "unused": f"{unused:,} transitions that a selection left out" if unused else None,
        "ends": f"{found['terminated']} terminated, {found['trajectories'] - found['terminated']} truncated",
        "observations": f"{columns} columns, {found['observations']['dtype']}",
        "actions": "not recorded"
        if actions["low"] is None
        else f"{kind}, {actions['dtype']}, {actions['low']:.4g} to {actions['high']:.4g}",
        "outside bounds": None
        if outside is None
        else f"{outside['entries']:,} action entries ({outside['share']:.1%}) lie beyond the action space",
        "returns": "not recorded"
        if returns is None
        else f"{number(float(np.mean(returns)))} on average, {number(min(returns))} to {number(max(returns))}",
        "constant columns": f"{len(constant)} of {columns}: {ranges(constant)}" if constant else "none",
        "next observations": f"not recorded for {missing:,} transitions" if missing else None,
        "one-step error": None if one_step is None else _one_step(one_step),
    }


def _one_step(found: dict[str, Any]) -> str:
    return (
        f"median {_small(found['median'])}, maximum {_small(found['maximum'])} standard deviations over "
        f"{found['rows']:,} rows ({_small(found['action_effect'])} with another row's action)"
    )


def _small(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.2g}"
