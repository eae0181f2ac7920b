"""Text that is safe to show on a terminal."""

from __future__ import annotations


def plain(text: object) -> str:
    """One line without control characters: files and errors may hold what would repaint a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def number(value: float) -> str:
    """A return or a reward for people: 3 or 4 digits that count."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"
