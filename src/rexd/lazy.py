"""Loading the public names of a package when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from rexd.errors import import_extra

EXTRA = "train"


def lazy_names(
    package: str, homes: Mapping[str, str | tuple[str, str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the functions ``__getattr__`` and ``__dir__`` of a package whose names are loaded on first use.

    Args:
        package: Name of the package, its ``__name__``.
        homes: The module of each public name; or the module and the package that this module needs, which the extra
            ``train`` installs.

    Returns:
        The two functions, to be bound to these names in the package's ``__init__``. ``__getattr__`` raises
        ``MissingExtraError`` where that package is not installed.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        if isinstance(home, tuple):
            home, needed = home
            import_extra(needed, EXTRA)
        value = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return load, names
