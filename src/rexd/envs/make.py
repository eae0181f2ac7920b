"""Making environments by id or callable; the only place where rexd makes one."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import gymnasium
from gymnasium import error

from rexd.envs.flattened import flattened
from rexd.envs.mujoco_warnings import without_known_warnings
from rexd.envs.references import find_maker, is_importable
from rexd.envs.spaces import check_spaces
from rexd.errors import MissingExtraError, RexdError, TaskError

Env: TypeAlias = gymnasium.Env[Any, Any]
EnvSource: TypeAlias = str | Callable[..., Env]
"""A Gymnasium id; ``module:Id`` for an id that importing ``module`` registers; ``module:Name`` for a class or function
of that module; or a callable that makes one."""


def make_environment(
    env: EnvSource, env_kwargs: Mapping[str, Any] | None = None, *, render_mode: str | None = None
) -> Env:
    """Make one environment and check that its spaces are supported; observations of several parts are flattened.

    Args:
        env: A Gymnasium id, ``module:Id``, ``module:Name`` of a class or function, or a callable that returns an
            environment.
        env_kwargs: Keyword arguments of the environment, or of the callable.
        render_mode: The render mode, passed on as a keyword argument if it is not None.

    Raises:
        TaskError: The id is not known, or the environment refuses an argument.
        SpaceMismatchError: The environment has spaces that are not supported.
        MissingExtraError: The environment needs a package that is not installed.
    """
    kwargs = dict(env_kwargs or {})
    if render_mode is not None:
        kwargs["render_mode"] = render_mode
    name = environment_name(env)
    try:
        maker = _named_maker(env) if isinstance(env, str) else env
        made = _make_registered(str(env), kwargs) if maker is None else maker(**kwargs)
    except RexdError:
        raise
    except Exception as problem:  # an environment may raise anything
        if kwargs:
            raise TaskError(
                f"{name} cannot be made with the arguments {kwargs}: {_plain(problem)}. "
                "Correct env_kwargs, or leave the argument out"
            ) from problem
        if not isinstance(env, str):  # it is the caller's own, and its traceback says more than a message
            raise
        raise TaskError(f"{name} cannot be made: it raised {type(problem).__name__}: {_plain(problem)}") from problem
    if not isinstance(made, gymnasium.Env):
        raise TaskError(f"{name} returned {type(made).__name__}; expected a gymnasium.Env")
    try:
        flat = flattened(made, name)
        check_spaces(flat.observation_space, flat.action_space, name, images=True)
    except Exception:
        made.close()
        raise
    return flat


def environment_name(env: EnvSource | Env) -> str:
    """Return a name for messages and reports: the id without its module, or the name of the callable or class."""
    if isinstance(env, str):
        return env.rpartition(":")[2]
    if isinstance(env, gymnasium.Env):
        return env.spec.id if env.spec is not None else type(env.unwrapped).__name__
    function = getattr(env, "func", env)  # functools.partial
    return str(getattr(function, "__name__", type(function).__name__))


def _named_maker(env: str) -> Callable[..., Any] | None:
    """Return the class or function that ``module:Name`` names; None for an id."""
    if not is_importable(env):
        return None
    found = find_maker(env)  # importing the module may register the name
    return None if environment_name(env) in gymnasium.registry else found


def _make_registered(env_id: str, kwargs: dict[str, Any]) -> Env:
    if env_id.count(":") > 1:
        raise TaskError(f"{env_id!r} has {env_id.count(':')} colons; expected an id, or module:Id")
    try:
        with warnings.catch_warnings(), without_known_warnings(env_id):
            # Demonstrations belong to the version that they were recorded in, so an older version is no mistake.
            warnings.filterwarnings("ignore", r".*The environment .* is out of date", DeprecationWarning)
            return gymnasium.make(env_id, **kwargs)
    except error.DependencyNotInstalled as problem:
        remedy = (
            ". It comes with the extra 'train': pip install 'rexd[train]'" if "mujoco" in str(problem).lower() else ""
        )
        raise MissingExtraError(
            f"{env_id} needs a package that is not installed: {_plain(problem)}{remedy}"
        ) from problem
    except (error.Error, ImportError) as problem:
        raise TaskError(f"{env_id} cannot be made: {_plain(problem)}.{_advice(env_id)}") from problem


def _advice(env_id: str) -> str:
    known = [str(key) for key in gymnasium.registry]
    # Wrong capitals are the commonest mistake, and difflib counts each as a wrong letter.
    folded = {key.lower(): key for key in known}
    close = difflib.get_close_matches(environment_name(env_id).lower(), folded, n=3, cutoff=0.6)
    near = f" Similar ids: {', '.join(folded[key] for key in close)}." if close else ""
    return f"{near} If a package registers it, name the module too: 'module:{environment_name(env_id)}'"


def _plain(problem: BaseException) -> str:
    return str(problem).strip().rstrip(".") or type(problem).__name__
