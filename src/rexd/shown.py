"""Text from files, as it may be shown: as text, whatever letters it has."""

from __future__ import annotations


def visible(text: object) -> str:
    """Return text whose control characters are written out, as an escape is, and cannot change the terminal."""
    return "".join(c if c.isprintable() else " " if c.isspace() else _written_out(c) for c in str(text))


def plain(text: object) -> str:
    """Return one line of visible text, without spaces that follow each other."""
    return " ".join(visible(text).split())


def _written_out(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")
