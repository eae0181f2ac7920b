"""The inspection of demonstrations as a whole: all findings in the data, and those of a replay in the simulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count, fit_to_spaces
from rexd.errors import DemonstrationError, SpaceMismatchError
from rexd.inspection.data.find import find
from rexd.inspection.data.finding import Finding, by_severity
from rexd.inspection.data.looks.columns import varying_columns
from rexd.inspection.data.strides import stride_findings
from rexd.reading.environment_facts import environment_facts

if TYPE_CHECKING:
    from rexd.inspection.simulator.findings import OneStepError

Step = Callable[[str, int, int], None]
"""A function that is called with what is being done, how much of it is done, and how much there is in all."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection found.

    Attributes:
        fitted: The demonstrations fitted to the environment's spaces; as they were recorded where no environment is
            given or where they do not fit.
        one_step: Errors of the replayed single steps; None where nothing was replayed.
        findings: All findings, the worst first.
    """

    fitted: Demonstrations
    one_step: OneStepError | None
    findings: tuple[Finding, ...]


def inspect_demonstrations(
    demos: Demonstrations,
    env: Any = None,
    *,
    subsample: int = 1,
    step: Step = lambda doing, done, total: None,
) -> Inspection:
    """Look for faults in demonstrations; with an environment, single steps are replayed in its simulator.

    Args:
        demos: The demonstrations as they were recorded, with actions that are not clipped.
        env: A Gymnasium environment, which is reset and stepped; or None.
        subsample: The stride of the subsampling that is planned; whether it meets a period is looked at.
        step: Called with the progress.
    """
    if demos.image:
        raise DemonstrationError(
            f"{demos.source}: has images of shape {demos.image}; expected columns, as inspect looks at nothing "
            "else. Fit a reward to them without it"
        )
    fitted, one_step, findings = demos, None, list[Finding]()
    task = None if env is None else environment_facts(env)
    if env is not None:
        try:
            fitted = fit_to_spaces(demos, env.observation_space, env.action_space)
        except SpaceMismatchError as error:
            message, _, mend = str(error).removeprefix(f"{demos.source}: ").partition("; ")
            findings.append(Finding("error", "does-not-fit", message, mend))
        one_step, replayed = _replay(demos, env, step)
        findings += replayed
    findings += stride_findings(demos, subsample)
    findings += find(demos, task, progress=partial(step, "looking at the rows"))
    return Inspection(fitted, one_step, by_severity(findings))


def _replay(demos: Demonstrations, env: Any, step: Step) -> tuple[OneStepError | None, list[Finding]]:
    from rexd.inspection.simulator.findings import one_step_findings  # needs Gymnasium
    from rexd.inspection.simulator.other_physics import other_body

    comparable = _with_columns(demos, env.observation_space.shape[0])
    if comparable is None or not _same_actions(comparable, env.action_space):
        return None, []
    bodies = other_body(env, comparable)
    one_step, findings = one_step_findings(env, comparable, progress=partial(step, "replaying single steps"))
    return one_step, [*bodies, *findings]


def _same_actions(demos: Demonstrations, space: Any) -> bool:
    count = action_count(space, "the environment")
    if count is None or demos.n_actions is None:
        return count is None and demos.n_actions is None and space.shape == (demos.act_dim,)
    return np.shape(demos.n_actions) == np.shape(count) and bool((np.array(demos.n_actions) <= count).all())


def _with_columns(demos: Demonstrations, wanted: int) -> Demonstrations | None:
    """Return the demonstrations with as many observation columns as the environment has.

    Of more columns, those that vary are kept if their number is right, otherwise the first ones. None: there are fewer.
    """
    if demos.obs_dim <= wanted:
        return demos if demos.obs_dim == wanted else None
    varying = np.flatnonzero(varying_columns(demos))
    return demos.select_columns(varying.tolist() if len(varying) == wanted else slice(0, wanted))
