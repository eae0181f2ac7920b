"""What a user gives as an environment, and what a run needs of it: how to make it, and how to name it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import gymnasium
from gymnasium.envs.registration import EnvSpec

from rexd.envs.make import Env, EnvSource, environment_name
from rexd.envs.one_instance import OneInstance
from rexd.envs.references import reference_of
from rexd.errors import TaskError

EnvLike: TypeAlias = EnvSource | Env | EnvSpec
"""An ``EnvSource``, an environment, or the ``spec`` of one."""


@dataclass(frozen=True)
class GivenEnvironment:
    """How a run makes its environments.

    Attributes:
        source: The id or callable that makes one.
        kwargs: Keyword arguments of the environment.
        name: The name for the run folder: the id as it was given, or the name of the callable or class.
        reference: What imports code to make the environment again, ``module:qualname`` or ``module:Id``; None for an
            id. It may also say only what the environment was made by (``rexd.envs.references``).
        note: What the user should know; None if there is nothing.
    """

    source: EnvSource
    kwargs: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    reference: str | None = None
    note: str | None = None

    @property
    def shared(self) -> bool:
        """Whether there is only one environment, which all who need one share."""
        return isinstance(self.source, OneInstance)


def given_environment(env: EnvLike, env_kwargs: Mapping[str, Any] | None = None) -> GivenEnvironment:
    """Return how to make the environment that a user gives.

    An instance, or its ``spec``, is made again from its spec, with its arguments, its time limit and its wrappers, but
    without a render mode. An instance that has no spec, or is in a wrapper that records no arguments, is used itself
    (``OneInstance``), and ``note`` says so.

    Raises:
        TaskError: It is nothing that makes an environment, or arguments come with what has its own.
    """
    kwargs = dict(env_kwargs or {})
    if isinstance(env, str):
        return GivenEnvironment(env, kwargs, name=env, reference=env if ":" in env else None)
    if isinstance(env, gymnasium.Env | EnvSpec):
        if kwargs:
            raise TaskError(
                f"env_kwargs is {kwargs}, and the environment is made already; give its arguments where it is made, or "
                "give its id or class"
            )
        return _of_spec(env) if isinstance(env, EnvSpec) else _of_instance(env)
    if not callable(env):
        raise TaskError(
            f"env is of type {type(env).__name__}; expected a Gymnasium id, a class or function that makes a "
            "gymnasium.Env, or one gymnasium.Env (no vector of them)"
        )
    return GivenEnvironment(env, kwargs, name=environment_name(env), reference=reference_of(env))


def _of_instance(env: Env) -> GivenEnvironment:
    spec, kind = env.spec, f"{reference_of(type(env.unwrapped))}(...)"
    if spec is None:
        why = "it has no spec, as gymnasium.make gives one"
    elif without := [wrapper.name for wrapper in spec.additional_wrappers if wrapper.kwargs is None]:
        why = f"its wrapper {without[0]} does not record its arguments"
    else:
        return _of_spec(spec)
    name = environment_name(env)
    note = (
        f"{name} is one environment that cannot be made again: {why}. Training and evaluation take turns with it, and "
        "an evaluation cuts off the training episode that it interrupts. Give a class or a function instead, and each "
        "has its own"
    )
    return GivenEnvironment(OneInstance(env), name=name, reference=kind, note=note)


def _of_spec(spec: EnvSpec) -> GivenEnvironment:
    """Return the id and the arguments where these say everything, else a function that makes the same again."""
    kwargs = {name: value for name, value in spec.kwargs.items() if name != "render_mode"}
    known = gymnasium.registry.get(spec.id)
    if known is not None and _is_plain(kwargs) and _same_but_arguments(spec, known):
        if spec.max_episode_steps != known.max_episode_steps:
            kwargs["max_episode_steps"] = -1 if spec.max_episode_steps is None else spec.max_episode_steps
        changed = {
            name: value for name, value in kwargs.items() if name not in known.kwargs or value != known.kwargs[name]
        }
        return GivenEnvironment(spec.id, changed, name=spec.id)
    again = copy.copy(spec)
    again.kwargs = kwargs

    def make(**more: Any) -> Env:
        return gymnasium.make(again, **more)

    make.__name__ = spec.id
    creator = spec.entry_point if isinstance(spec.entry_point, str) else reference_of(spec.entry_point or make)
    return GivenEnvironment(make, name=spec.id, reference=f"{creator}(...)")


def _same_but_arguments(spec: EnvSpec, known: EnvSpec) -> bool:
    return spec.entry_point == known.entry_point and spec.additional_wrappers == known.additional_wrappers


def _is_plain(kwargs: Mapping[str, Any]) -> bool:
    """Whether JSON keeps the arguments as they are."""
    try:
        return bool(json.loads(json.dumps(kwargs)) == kwargs)
    except (TypeError, ValueError):
        return False
