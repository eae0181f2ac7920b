"""``rexd inspect``: what a demonstration file holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import tyro

from rexd.cli import options as opt
from rexd.cli.output import note, print_facts, print_json
from rexd.cli.text import number
from rexd.demos.demonstrations import Demonstrations

CONSTANT = 1e-6  # the same share of a column's size as where the reward's standardiser drops a column


@dataclass(frozen=True)
class Command:
    """Show what a demonstration file holds: trajectories, shapes, returns, ranges, columns that never vary.

    The format is told by the content: rexd's own npz, a local Minari dataset (folder or id), LeRobot, imitation, D4RL,
    robomimic, Stable-Baselines, or a pickle, torch, npy, npz, HDF5 or text file in the layout of another tool, of which
    nothing is executed. All formats: docs/formats.md.

    Examples:
        rexd inspect demos.npz
        rexd inspect Hopper-v2.pkl --env Hopper-v5
        rexd inspect Ant-v2.pkl --episode-length 1000 --columns 0:27 --json
    """

    file: opt.File
    """A file, a folder, the id of a local Minari dataset, or 'bundled'."""
    data: Annotated[opt.DataOptions, tyro.conf.arg(name="")] = field(default_factory=opt.DataOptions)
    json: bool = False
    """Print one JSON document and nothing else."""

    def run(self) -> None:
        """Read the file and print what is in it."""
        demos = opt.load(self.file, self.data)
        raw = _unclipped(self.file, self.data, demos)
        found = {"file": self.file, "format": _format(self.file), **describe(raw, demos)}
        if self.json:
            print_json(found)
        else:
            _print(found)
            if self.data.env is None and demos.env_id is not None:
                note(f"--env {demos.env_id} compares columns and actions with the environment")


def _unclipped(file: str, options: opt.DataOptions, fitted: Demonstrations) -> Demonstrations:
    """The same rows before they were clipped to the environment's bounds."""
    if options.env is None:
        return fitted
    columns = None if options.columns is None else opt.parse_columns(options.columns)
    if file == opt.BUNDLED:
        from rexd.demos.bundled import bundled_demonstrations

        demos = bundled_demonstrations(options.env.rpartition(":")[2])
        return demos if columns is None else demos.select_columns(columns)
    from rexd.demos.load import load_unfitted

    env = opt.open_environment(options.env, opt.environment_arguments(options.env_kwargs))
    try:
        return load_unfitted(file, episode_length=options.episode_length, env=env, columns=columns)
    finally:
        env.close()


def _format(file: str) -> str:
    if file == opt.BUNDLED:
        return "bundled with rexd"
    from rexd.demos.load import recognise
    from rexd.demos.source import Source

    return recognise(Source(file)).name


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


def _print(found: dict[str, Any]) -> None:
    lengths, actions, outside = found["lengths"], found["actions"], found["outside_action_space"]
    steps = f"{lengths[0]:,}" if len(set(lengths)) == 1 else f"{min(lengths):,} to {max(lengths):,}"
    returns, constant = found["returns"], found["constant_columns"]
    kind = f"{actions['columns']} columns" if actions["count"] is None else f"one of {actions['count']}"
    columns = found["observations"]["columns"]
    missing, unused = found["next_observations_missing"], found["unused_transitions"]
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
            "constant columns": f"{len(constant)} of {columns}: {_ranges(constant)}" if constant else "none",
            "next observations": f"not recorded for {missing:,} transitions" if missing else None,
        },
        title=found["file"],
    )
    for text in found["notes"]:
        note(text)


def _ranges(columns: list[int]) -> str:
    """``3, 27:111`` for 3 and 27 to 110, as ``--columns`` takes it."""
    parts: list[list[int]] = []
    for column in columns:
        if parts and parts[-1][1] == column:
            parts[-1][1] = column + 1
        else:
            parts.append([column, column + 1])
    return ", ".join(f"{a}" if b == a + 1 else f"{a}:{b}" for a, b in parts)
