"""Telling a user which names were expected, and which of the names that a file has may be meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from rexd.reading.rows.key_names import NAMES, NEEDED, find_keys

_CLOSE = 0.7  # so near must a misspelt name be to a known one
_LOOKED_AT = 1000  # names; a checkpoint may have many more
_VAGUE = {"observations": ("qpos", "qvel", "ob", "obses"), "actions": ("ctrl", "control", "controls", "ac", "acs")}
"""Words that stand for observations or actions in files of some tools, too vague to be read without asking."""


def expected_names(keys: Iterable[Any]) -> str:
    """Return the second half of a message about a file without known names: what was expected, and what to rename.

    Args:
        keys: The names that the file has.
    """
    found = [str(key) for key in keys]
    missing = [role for role in NEEDED if role not in find_keys(found)]
    expected = " and ".join(f"{role} as {_either(NAMES[role])}" for role in missing)
    guesses = {role: guess for role in missing if (guess := _guess(role, found)) is not None}
    if not guesses:
        return f"expected {expected}. Give the arrays these names"
    renamed = " and ".join(f"{guess!r} to {role!r}" for role, guess in guesses.items())
    return f"expected {expected}. If they are what their names suggest, rename {renamed}"


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(map(repr, names[:-1]))} or {names[-1]!r}"


def _guess(role: str, found: Sequence[str]) -> str | None:
    """Return the name that is most likely meant; None if none is near."""
    known = {*NAMES[role], *_VAGUE[role]}
    taken = {name for names in NAMES.values() for name in names}
    free = [name for name in found[:_LOOKED_AT] if name not in taken]
    for name in free:
        words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name[:100]).lower())
        if "next" not in words and known & set(words):
            return name
    near = {name.lower(): name for name in free if 2 < len(name) < 100}
    close = [match for word in NAMES[role] for match in difflib.get_close_matches(word, near, n=1, cutoff=_CLOSE)]
    return near[close[0]] if close else None
