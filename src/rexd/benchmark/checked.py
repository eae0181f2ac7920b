"""Frozen dataclasses from the tables of a TOML file, with errors that name the file, the key and the mend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rexd.errors import RexdError, did_you_mean
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.registry import DEFAULT, settings_class

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "nothing"}


def build(kind: type[T], table: Any, where: str, **given: Any) -> T:
    """Build a dataclass from a table.

    Args:
        kind: The dataclass.
        table: The table as it was parsed.
        where: File and table, as errors name them.
        **given: Values of fields that the table does not hold, such as its name.

    Raises:
        RexdError: A key is unknown or missing, or a value has a wrong type.
    """
    check(kind, table, where, leave_out=given)
    known = [item for item in fields(kind) if item.name not in given]
    missing = [i.name for i in known if i.name not in table and i.default is MISSING and i.default_factory is MISSING]
    if missing:
        raise RexdError(f"{where} has no {missing[0]!r}; add it, it is {_text(get_type_hints(kind)[missing[0]])}")
    hints = get_type_hints(kind)
    values = {name: _frozen(value, hints[name]) for name, value in table.items()}
    try:
        return kind(**values, **given)
    except RexdError as error:
        raise RexdError(f"{where}: {error}") from error


def check(kind: type[Any], table: Any, where: str, *, leave_out: Mapping[str, Any] | None = None) -> None:
    """Check that the keys of a table are fields of a dataclass, and its values of their types.

    A field that is a dataclass itself is a nested table.

    Args:
        kind: The dataclass.
        table: The table as it was parsed.
        where: File and table, as errors name them.
        leave_out: Fields that the table must not set.

    Raises:
        RexdError: A key is unknown, or a value has a wrong type.
    """
    if not isinstance(table, Mapping):
        raise RexdError(f"{where} is {table!r}; expected a table")
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind) if item.name not in (leave_out or {})]
    for name, value in table.items():
        if name not in known:
            raise RexdError(
                f"{where} has an unknown key {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}"
            )
        if is_dataclass(hints[name]) and isinstance(hints[name], type):
            check(_kind_of(hints[name], value, f"{where}.{name}"), value, f"{where}.{name}")
        elif not _fits(value, hints[name]):
            raise RexdError(f"{where}: {name} is {value!r}; expected {_text(hints[name])}")


def _kind_of(hint: type[Any], value: Any, where: str) -> type[Any]:
    """Return the dataclass of a nested table; the settings of a reward are those of its ``type``."""
    if hint is not EstimatorSettings or not isinstance(value, Mapping):
        return hint
    try:
        return settings_class(str(value.get("type", DEFAULT)))
    except RexdError as error:
        raise RexdError(f"{where}: {error}") from error


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, kind) for kind in inner)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(item, inner[0]) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(item, inner[1]) for item in value.values())
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _text(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_text(kind) for kind in inner if kind is not NoneType)
    if origin is Literal:
        return "one of " + ", ".join(repr(item) for item in inner)
    if origin is tuple:
        return f"a list, each {_text(inner[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a table"
    return _NAMES.get(hint, str(hint))


def _frozen(value: Any, hint: Any) -> Any:
    return tuple(value) if isinstance(value, list) and "tuple" in str(hint) else value
