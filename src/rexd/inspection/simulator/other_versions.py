"""Whether another version of the environment reproduces demonstrated steps better than the one that was named.

Versions of a task differ in their physics as well: the right foot of Walker2d-v4 has half the friction of the left, in
Walker2d-v5 both have the same. A gait that was learnt in one stumbles in the other (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rexd.envs.make import make_environment
from rexd.inspection.data.finding import Finding
from rexd.inspection.simulator.replay import Replay, Rows
from rexd.inspection.simulator.state_map import state_map

BETTER = 0.75  # times the mean error; Walker2d-v2's recording comes to 0.67 in v4, other tasks' versions are alike


def better_version(env: gymnasium.Env[Any, Any], replay: Replay, index: Rows) -> list[Finding]:
    """A finding where the rows follow far better from another version, made with the same arguments.

    Args:
        env: The environment that was named.
        replay: Its replay of the recording.
        index: Rows to compare.
    """
    named = float(replay.errors(index).mean())
    error, best = min([(BETTER * named, ""), *_errors_of_others(env, replay, index)])
    if not best:
        return []
    return [
        Finding(
            "warning",
            "other-version",
            f"{best} reproduces the recorded steps better than the version that was named: its mean one-step error is "
            f"{error:.2g} standard deviations, here it is {named:.2g}. What the expert did may not work as well here",
            f"if its physics are yours: --env {best}",
        )
    ]


def _errors_of_others(env: gymnasium.Env[Any, Any], replay: Replay, index: Rows) -> Iterator[tuple[float, str]]:
    for spec in _other_versions(env.spec):
        try:
            other = make_environment(spec.id, _arguments(env.spec))
        except Exception:  # packages that are gone, arguments that it does not take: no fault of the recording
            continue
        with closing(other):
            if (other.observation_space.shape, other.action_space) != (env.observation_space.shape, env.action_space):
                continue
            states = state_map(other)
            there = None if states is None else replay.elsewhere(other, states)
            if there is not None:
                yield float(there.errors(index).mean()), spec.id


def _other_versions(named: EnvSpec | None) -> list[EnvSpec]:
    if named is None:
        return []
    task = named.namespace, named.name
    specs = list(gymnasium.registry.values())
    return [s for s in specs if (s.namespace, s.name) == task and s.version != named.version]


def _arguments(named: EnvSpec | None) -> dict[str, Any]:
    """Those that the environment was made with, beside those of its registration."""
    assert named is not None
    registered = gymnasium.registry[named.id].kwargs if named.id in gymnasium.registry else {}
    return {k: v for k, v in named.kwargs.items() if v is not None and not (k in registered and registered[k] is v)}
