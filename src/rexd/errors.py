"""The errors that a user can cause, each naming what was found, what was expected and how to mend it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class RexdError(Exception):
    """Base of every error that bad input or a wrong call can cause; catch this one."""


class DemonstrationError(RexdError):
    """A demonstration file or array that cannot be used as it is."""


class UnsafeFileError(DemonstrationError):
    """A file that would execute code if it were read; it was not read."""


class SpaceMismatchError(RexdError):
    """Demonstrations, reward or policy do not fit the environment's spaces."""


class NotFittedError(RexdError):
    """A reward model was asked for a reward before it was fitted."""


class RewardFileError(RexdError):
    """A reward file that is cut short, damaged or of another kind."""


class RunError(RexdError):
    """A run folder that exists, is incomplete, or belongs to another configuration."""


class TaskError(RexdError):
    """An environment that cannot be made, or whose spaces are not supported."""


class MissingExtraError(RexdError):
    """An optional dependency is not installed."""


def import_extra(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which install line brings it.

    Args:
        module: Dotted name of the module to import.
        extra: Name of the rexd extra that installs it.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{module.split('.')[0]} is not installed; it comes with the extra '{extra}': pip install 'rexd[{extra}]'"
        ) from error
