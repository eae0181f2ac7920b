"""Numbers in the form in which the command prints them."""

from __future__ import annotations

from rexd.evaluation.in_words import number, with_spread

__all__ = ("number", "with_spread")
