"""Which estimator a command is about: its options are those of the estimator that ``--type`` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, make_dataclass
from itertools import pairwise
from typing import Annotated, Any

import tyro

from rexd.reward.choices import ESTIMATORS, EstimatorName
from rexd.reward.registry import DEFAULT, settings_class

Name = Annotated[EstimatorName, tyro.conf.arg(metavar="NAME")]  # all names would not fit a line


def with_estimator(kind: type[Any], words: Sequence[str]) -> type[Any]:
    """Return the class of a command with the options of the estimator that the words name.

    Args:
        kind: The class of the command. One that has estimators says so by a class method ``of_estimator(name)`` and the
            name of its option, ``estimator_option``.
        words: The words that the user gives.
    """
    option = getattr(kind, "estimator_option", None)
    if option is None:
        return kind
    named = [value for word, value in pairwise(words) if word == option]
    named += [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    name = named[-1] if named and named[-1] in ESTIMATORS else DEFAULT  # tyro says what is wrong with other names
    found: type[Any] = kind.of_estimator(name)
    return found


def options_of(name: str, static: type[Any], **replaced: Any) -> type[Any]:
    """Return the options of an estimator as a dataclass.

    Args:
        name: The estimator.
        static: The class that stands for it in the source; it gives the name and the documentation.
        **replaced: Annotations of fields to change.
    """
    base = settings_class(name)
    changed = [(field_name, kind, field(default=getattr(base, field_name))) for field_name, kind in replaced.items()]
    return _like(static, base, [("type", Name, field(default=name)), *changed])


def replacing(static: type[Any], name: str, inner: type[Any], annotation: Any = None) -> type[Any]:
    """Return a dataclass like ``static`` whose field ``name`` is of the dataclass ``inner``."""
    kind = inner if annotation is None else Annotated[inner, annotation]
    return _like(static, static, [(name, kind, field(default_factory=inner))])


def _like(static: type[Any], base: type[Any], fields: list[tuple[str, Any, Any]]) -> type[Any]:
    namespace = {"__doc__": static.__doc__, "__module__": static.__module__}
    return make_dataclass(static.__name__, fields, bases=(base,), frozen=True, namespace=namespace)
