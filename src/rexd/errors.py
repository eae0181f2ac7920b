"""The errors that a user can cause, and helpers for their messages.

Every message names what was found, what was expected and how to mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType


class RexdError(Exception):
    """The base class of every error that bad input or a wrong call can cause."""


class DemonstrationError(RexdError):
    """A demonstration file or an array of demonstrations cannot be used as it is."""


class UnsafeFileError(DemonstrationError):
    """A file would execute code if it were read, and was not read."""


class SpaceMismatchError(RexdError):
    """Demonstrations, a reward or a policy do not fit the spaces of the environment."""


class NotFittedError(RexdError):
    """A reward model was asked for a reward before it was fitted."""


class RewardFileError(RexdError):
    """A reward file is cut short, damaged or of another kind."""


class RunError(RexdError):
    """A run folder exists already, is incomplete, or belongs to another configuration."""


class TaskError(RexdError):
    """An environment cannot be made, or its spaces are not supported."""


class MissingExtraError(RexdError):
    """An optional dependency is not installed."""


def import_extra(module: str, extra: str, *, to_read: object = None) -> ModuleType:
    """Import an optional dependency, or name the command that installs it.

    Args:
        module: Dotted name of the module to import.
        extra: Name of the extra of rexd that installs it.
        to_read: The path or the name of a file that cannot be read without it, for the message.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        what = ("" if to_read is None else f"{to_read}: ") + module.split(".")[0]
        raise MissingExtraError(
            f"{what} is not installed; it comes with the extra '{extra}': pip install 'rexd[{extra}]'"
        ) from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` if a known name is close to ``name``, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
