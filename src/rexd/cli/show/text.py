"""Texts and numbers in the form in which the command prints them."""

from __future__ import annotations

from rexd.evaluation.in_words import number, plain, with_spread

__all__ = ("number", "plain", "with_spread")
