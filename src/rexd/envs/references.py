"""References ``module:qualname`` to the classes and functions that make environments."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from rexd.errors import TaskError


def reference_of(maker: Callable[..., Any]) -> str:
    """Return ``module:qualname`` of a class or function.

    The reference of what no import finds says what it was: ``module:function.<locals>.<lambda>``, and
    ``module:Class(...)`` for an object whose arguments are not known. ``is_importable`` tells these apart. What lies in
    the script that is running has the script's name as its module, which imports it from the script's folder.
    """
    bound = getattr(maker, "__self__", None)
    if isinstance(maker, functools.partial):
        return f"{reference_of(maker.func)}(...)"
    if bound is not None and not isinstance(bound, type | ModuleType):
        return f"{reference_of(type(bound))}(...).{getattr(maker, '__name__', '')}"
    if not hasattr(maker, "__qualname__"):
        return f"{reference_of(type(maker))}(...)"
    return f"{_module_of(maker)}:{maker.__qualname__}"


def _module_of(maker: Any) -> str:
    name = str(getattr(maker, "__module__", None) or "builtins")
    main = sys.modules.get("__main__")
    if name != "__main__" or main is None:
        return name
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:  # python -m package.module
        return str(spec.name).removesuffix(".__main__")
    return Path(file).stem if file else name


def is_importable(reference: str) -> bool:
    """Whether a reference has the form ``module:qualname`` of something that an import can find."""
    module, colon, name = reference.partition(":")
    words = [*module.split("."), *name.split(".")]
    return bool(colon) and module != "__main__" and all(word.isidentifier() for word in words)


def find_maker(reference: str) -> Callable[..., Any] | None:
    """Import the module of a reference, which runs its code, and return what the reference names.

    A module that is not installed is looked for in the current folder.

    Returns:
        The class or function; None where the module has nothing of that name, or there is no such module.

    Raises:
        TaskError: The module needs another module that is not there.
    """
    module, _, name = reference.partition(":")
    try:
        found: Any = _imported(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            return None
        raise TaskError(f"{reference}: {module} cannot be imported ({error}); install what it needs") from error
    for word in name.split("."):
        found = getattr(found, word, None)
    return found if callable(found) else None


def _imported(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
    here = os.getcwd()
    sys.path.append(here)  # at the end, so that no file of this folder stands in for an installed module
    try:
        return import_module(module)
    finally:
        sys.path.remove(here)
