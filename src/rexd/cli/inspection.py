"""The document that ``rexd inspect`` shows: the facts of a file, and the findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rexd.cli import options as opt
from rexd.cli.reading import read_as_recorded
from rexd.cli.show.facts import describe
from rexd.inspection.data.finding import Finding
from rexd.inspection.inspect import Step, inspect_demonstrations
from rexd.reading.environment_facts import environment_facts

if TYPE_CHECKING:
    from rexd.inspection.simulator.findings import OneStepError


def inspect_files(
    files: Sequence[str], options: opt.DataOptions, step: Step, subsample: int = 1
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Read files and return their facts, as plain JSON types, and the findings, the worst first.

    Args:
        files: Files, folders, patterns, ids of local Minari datasets, or ``bundled``.
        options: How to read them, and the environment to compare it with.
        step: Called with the progress.
        subsample: The stride of the subsampling that is planned.

    Raises:
        RexdError: No file is named, or a file, the environment or an option cannot be used.
    """
    env = None
    if options.env is not None:
        env = opt.open_environment(options.env, opt.environment_arguments(options.env_kwargs))
    try:
        reading = read_as_recorded(files, options, None if env is None else environment_facts(env))
        inspected = inspect_demonstrations(reading.demos, env, subsample=subsample, step=step)
    finally:
        if env is not None:
            env.close()
    facts = describe(reading.demos, inspected.fitted)
    one_step = None if inspected.one_step is None else _plain(inspected.one_step)
    return {"file": opt.named(files), "format": reading.format, **facts, "one_step": one_step}, inspected.findings


def _plain(errors: OneStepError) -> dict[str, Any]:
    """Return the errors with None for infinity, which JSON does not have: a step that the simulator refuses."""
    return {name: value if math.isfinite(value) else None for name, value in asdict(errors).items()}
