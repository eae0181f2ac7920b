"""The execution of one run in this process: demonstrations, training or cloning, and the file of the result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import torch

from rexd.benchmark.machine import machine
from rexd.benchmark.runs import Folders, RunSpec
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count, fit_to_spaces
from rexd.demos.states_alone import without_actions
from rexd.envs.factory import EnvironmentFactory
from rexd.envs.make import environment_name, make_environment
from rexd.envs.time_limit import limit_of
from rexd.errors import MissingExtraError, RexdError
from rexd.evaluation.evaluate import evaluate
from rexd.files import write_json
from rexd.reading import BUNDLED
from rexd.reading.bundled import bundled_demonstrations
from rexd.reading.load import load_demonstrations
from rexd.rl.config import TrainConfig
from rexd.rl.policies.cloning import clone
from rexd.rl.training.provenance import versions
from rexd.rl.training.train import train

_CURVE = ("steps", "seconds", "learned_return", "true_return", "selected", "length")


def execute(run: RunSpec, folders: Folders) -> None:
    """Execute a run, or the rest of it, and write its result.

    Raises:
        RexdError: Demonstrations, environment and settings do not fit one another.
    """
    torch.set_num_threads(1)
    demonstrations = select(run, folders)
    measured = _clone(run, demonstrations) if run.method.kind == "cloning" else _train(run, demonstrations, folders)
    evaluation = measured["evaluation"]
    write_json(
        folders.result(run),
        {
            "suite": run.suite,
            "task": run.task.name,
            "env": run.task.env,
            "regime": run.regime.name,
            "transitions": demonstrations.n_transitions,
            "offsets": list(demonstrations.offsets),
            "method": run.method.name,
            "seed": run.seed,
            "steps": measured.pop("steps"),
            "seconds": measured.pop("seconds"),
            "return_mean": evaluation["mean"],
            "return_std": evaluation["std"],
            "demonstrations_return": run.task.demonstrations_return,
            "random_return": run.task.random_return,
            "target": run.task.target,
            "versions": versions(),
            "machine": machine(),
            "date": date.today().isoformat(),
            "settings": {**run.settings, **measured.pop("chosen")},
            "demonstrations_sha256": demonstrations.sha256,
            **measured,
        },
    )


def select(run: RunSpec, folders: Folders) -> Demonstrations:
    """Return the demonstrations that a run learns from."""
    task = run.task
    columns = None if task.columns is None else slice(0, task.columns)
    try:
        env = make_environment(task.env, task.env_kwargs)
    except MissingExtraError as error:
        if "box2d" not in str(error).lower():
            raise
        raise MissingExtraError(
            f"{task.env} needs Box2D, of the extra 'benchmark': pip install 'rexd[benchmark]'"
        ) from error
    try:
        if task.demonstrations == BUNDLED:
            whole = bundled_demonstrations(environment_name(task.env))
            whole = whole if columns is None else whole.select_columns(columns)
            whole = fit_to_spaces(whole, env.observation_space, env.action_space)
        elif folders.data is None:
            raise RexdError(f"task {task.name} needs {task.demonstrations}; name the folder that it lies in")
        else:
            whole = load_demonstrations(folders.data / task.demonstrations, env=env, columns=columns)
    finally:
        env.close()
    chosen = replace(whole.first(run.regime.trajectories), goals=task.goals)
    chosen = without_actions(chosen) if task.without_actions else chosen
    every = run.regime.subsample if task.subsampled else 1
    return chosen.subsample(every, seed=run.seed) if every > 1 else chosen


def _train(run: RunSpec, demonstrations: Demonstrations, folders: Folders) -> dict[str, Any]:
    config, folder = run.config, folders.run(run)
    trained = train(
        None if config.reward_source == "env" else demonstrations,  # an upper bound uses no demonstrations
        env=run.task.env,
        env_kwargs=run.task.env_kwargs,
        out=folder,
        config=config,
        resume=True,
        progress=False,
    )
    found = trained.evaluation
    assert found is not None
    return {
        "chosen": {"algorithm": trained.config.algorithm},  # where the settings say ``auto``
        **{name: found[name] for name in ("steps", "selected_at", "selection_steps", "seconds")},
        **({"adapted": found["adapted"]} if "adapted" in found else {}),
        **_played(found),
        "curve": [{name: record[name] for name in _CURVE} for record in trained.metrics()],
    }


def _clone(run: RunSpec, demonstrations: Demonstrations) -> dict[str, Any]:
    started = time.monotonic()
    probe = make_environment(run.task.env, run.task.env_kwargs)
    space: Any = probe.action_space
    count = action_count(space, run.task.env)
    limit = limit_of(probe, None, longest=demonstrations.longest)
    probe.close()
    make = EnvironmentFactory(run.task.env, run.task.env_kwargs, limit.steps)
    bounds = (space.low, space.high) if count is None else count
    policy = clone(demonstrations, action_space=bounds, seed=run.seed)
    seconds = time.monotonic() - started
    result = evaluate(make, policy, None, episodes=TrainConfig.final_episodes, seed=run.seed).to_dict()
    return {
        "chosen": {},
        "steps": 0,
        "selected_at": None,
        "selection_steps": 0,
        "seconds": round(seconds, 1),
        **_played(result),
    }


def _played(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result keeps of the final episodes; the share of successes is there only where a task has one."""
    success = {"success": evaluation["success"]} if "success" in evaluation else {}
    return {"evaluation": evaluation["true"], **success, "episodes": evaluation["episodes"]}
