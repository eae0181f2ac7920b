"""Whether another version of the environment reproduces the recorded steps better than the one that was named.

The versions of a task differ in their physics as well: the right foot of Walker2d-v4 has half the friction of the left,
in Walker2d-v5 both have the same. A gait that was learnt in one version stumbles in the other (docs/lab/walker2d.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rexd.envs.make import Env, make_environment
from rexd.inspection.data.finding import Finding
from rexd.inspection.simulator.replay import Replay, RowNumbers
from rexd.inspection.simulator.state_map import state_map

# The share of the mean error that another version may have at most; Walker2d-v2's recording has 0.67 in v4.
_BETTER = 0.75


def better_version(env: Env, replay: Replay, index: RowNumbers) -> list[Finding]:
    """Return a finding if another version, made with the same arguments, reproduces the rows far better.

    Args:
        env: The environment that was named.
        replay: The replay of the recording in it.
        index: Numbers of the rows to compare.
    """
    named = float(replay.errors(index).mean())
    error, best = min([(_BETTER * named, ""), *_errors_of_others(env, replay, index)])
    if not best:
        return []
    return [
        Finding(
            "warning",
            "other-version",
            f"{best} reproduces the recorded steps better than the version that was named: its mean one-step error is "
            f"{error:.2g} standard deviations, here it is {named:.2g}. What the expert did may not work as well here",
            f"if you want the physics of the recording: --env {best}",
        )
    ]


def _errors_of_others(env: Env, replay: Replay, index: RowNumbers) -> Iterator[tuple[float, str]]:
    for spec in _other_versions(env.spec):
        try:
            other = make_environment(spec.id, _arguments(env.spec))
        except Exception:  # a package is missing or an argument is refused, which is no fault of the recording
            continue
        with closing(other):
            if (other.observation_space.shape, other.action_space) != (env.observation_space.shape, env.action_space):
                continue
            states = state_map(other)
            there = None if states is None else replay.in_environment(other, states)
            if there is not None:
                yield float(there.errors(index).mean()), spec.id


def _other_versions(named: EnvSpec | None) -> list[EnvSpec]:
    if named is None:
        return []
    task = named.namespace, named.name
    specs = list(gymnasium.registry.values())
    return [s for s in specs if (s.namespace, s.name) == task and s.version != named.version]


def _arguments(named: EnvSpec | None) -> dict[str, Any]:
    """Return the arguments that the environment was made with, without those of its registration."""
    assert named is not None
    registered = gymnasium.registry[named.id].kwargs if named.id in gymnasium.registry else {}
    return {k: v for k, v in named.kwargs.items() if v is not None and not (k in registered and registered[k] is v)}
