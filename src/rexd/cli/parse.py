"""From words to the command of a verb, with help that wraps at the width of the terminal.

The docstrings of verbs and of their options are broken into lines for the source. tyro keeps breaks before indented
lines, so that the lines are joined here before it sees them.
"""

from __future__ import annotations

import ast
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache, partial
from inspect import getdoc, getsource
from itertools import pairwise
from typing import Any, get_type_hints

import tyro
from tyro import constructors


def parse(kind: type[Any], prog: str, words: Sequence[str]) -> Any:
    """Return the command that words describe.

    Args:
        kind: The dataclass of the command.
        prog: What stands in front of the words, for help and errors.
        words: The words that the user gives.

    Raises:
        SystemExit: The words ask for help, or they are wrong; tyro has printed what there is to say.
    """
    registry = constructors.ConstructorRegistry()
    registry.struct_rule(_options)
    if "-h" in words or "--help" in words:  # tyro would put each paragraph of the description into one long line
        print(wrapped(getdoc(kind) or "", shutil.get_terminal_size().columns), end="\n\n")
    with registry:
        ask = partial(tyro.cli, kind, prog=prog, description="", config=(tyro.conf.FlagCreatePairsOff,))
        command, rest = ask(args=words, return_unknown_args=True)
        if not rest:
            return command
        if not hasattr(command, "files") or any(word.startswith("-") for word in rest):
            return ask(args=words)  # tyro says what is wrong
        # tyro takes the first words without an option between them; files may stand after options too
        return replace(command, files=(*command.files, *rest))


def wrapped(text: str, width: int) -> str:
    """Fill the paragraphs of a docstring to a width, but for those with indented lines: examples stay as they are."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(each if "\n " in each else textwrap.fill(each, width) for each in paragraphs)


def _options(info: constructors.StructTypeInfo) -> constructors.StructConstructorSpec | None:
    """Tell tyro the options of a dataclass, as it would find them, with help in whole lines."""
    if not is_dataclass(info.type):
        return None
    hints = get_type_hints(info.type, include_extras=True)
    found = []
    for each in fields(info.type):
        default = getattr(info.default, each.name, MISSING)
        if default is MISSING and each.default_factory is not MISSING:
            default = each.default_factory()
        if default is MISSING:
            default = each.default if each.default is not MISSING else constructors.MISSING_NONPROP
        text = help_of(info.type, each.name)
        spec = constructors.StructFieldSpec(name=each.name, type=hints[each.name], default=default, helptext=text)
        found.append(spec)
    return constructors.StructConstructorSpec(instantiate=info.type, fields=tuple(found))


def help_of(kind: type[Any], name: str) -> str | None:
    """Return the docstring of a field in one line; None if neither the class nor one that it extends has any."""
    return next((texts[name] for each in kind.__mro__ if name in (texts := _docstrings(each))), None)


@cache
def _docstrings(kind: type[Any]) -> dict[str, str]:
    """Return the strings that follow the fields of a class, each in one line."""
    if kind.__module__ == "builtins":
        return {}
    tree = _module(kind.__module__)
    body = next((node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__), [])
    found = {}
    for field, after in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            text = ast.literal_eval(after.value) if isinstance(after.value, ast.Constant) else None
            if isinstance(text, str):
                found[field.target.id] = " ".join(text.split())
    return found


@cache
def _module(name: str) -> ast.Module:
    return ast.parse(getsource(sys.modules[name]))
