"""What ``rexd inspect`` finds: the facts of a file, and every finding with and without a simulator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from rexd.cli import options as opt
from rexd.cli.reading import read_as_recorded
from rexd.cli.show.facts import describe
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import fit_to_spaces
from rexd.errors import SpaceMismatchError
from rexd.inspection.data import Finding, by_severity, find
from rexd.inspection.data.columns import varying_columns

Step = Callable[[str, int, int], None]


def inspect_file(file: str, options: opt.DataOptions, step: Step) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The facts, as plain JSON types, and the findings, the worst first.

    Args:
        file: What the user names.
        options: How to read it, and the environment to compare with.
        step: Called with what is being done, how much of it is done, and how much there is.

    Raises:
        RexdError: The file, the environment or an option cannot be used.
    """
    if options.env is None:
        return _inspect(file, options, None, step)
    env = opt.open_environment(options.env, opt.environment_arguments(options.env_kwargs))
    try:
        return _inspect(file, options, env, step)
    finally:
        env.close()


def _inspect(file: str, options: opt.DataOptions, env: Any, step: Step) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    task = None
    if env is not None:
        from rexd.reading.task import make_task

        task = make_task(env)
    reading = read_as_recorded(file, options, task)
    raw = reading.demos
    fitted, findings, one_step = raw, list[Finding](), None
    if env is not None:
        try:
            fitted = fit_to_spaces(raw, env.observation_space, env.action_space)
        except SpaceMismatchError as error:
            message, _, mend = str(error).removeprefix(f"{raw.source}: ").partition("; ")
            findings.append(Finding("error", "does-not-fit", message, mend))
        one_step, replayed = _replay(raw, env, step)
        findings += replayed
    findings += find(raw, task, progress=lambda done, total: step("looking at the rows", done, total))
    found = {"file": file, "format": reading.format, **describe(raw, fitted), "one_step": one_step}
    return found, by_severity(findings)


def _replay(raw: Demonstrations, env: Any, step: Step) -> tuple[dict[str, Any] | None, list[Finding]]:
    from rexd.inspection.simulator.findings import one_step_findings

    demos = _with_columns(raw, env.observation_space.shape[0])
    count = getattr(env.action_space, "n", None)
    same_actions = demos is not None and (
        demos.n_actions is not None and demos.n_actions <= count
        if count is not None
        else demos.n_actions is None and env.action_space.shape == (demos.act_dim,)
    )
    if demos is None or not same_actions:
        return None, []
    errors, findings = one_step_findings(
        env, demos, progress=lambda done, total: step("replaying single steps", done, total)
    )
    if errors is None:
        return None, findings
    # JSON has no infinity: a step that the simulator refuses
    return {k: v if math.isfinite(v) else None for k, v in asdict(errors).items()}, findings


def _with_columns(demos: Demonstrations, wanted: int) -> Demonstrations | None:
    """The columns that are the environment's: where there are more, without those that say nothing, or the first."""
    if demos.obs_dim <= wanted:
        return demos if demos.obs_dim == wanted else None
    telling = np.flatnonzero(varying_columns(demos))
    return demos.select_columns(telling.tolist() if len(telling) == wanted else slice(0, wanted))
