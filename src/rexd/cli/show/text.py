"""Numbers in the form in which the command prints them."""

from __future__ import annotations


def number(value: float) -> str:
    """Format a return or a reward: without decimals from 1,000 on, with one from 10 on, and with three below."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def with_spread(value: float, spread: float | None) -> str:
    """Format a mean with its standard deviation, where there is one."""
    return number(value) if spread is None else f"{number(value)} ± {number(spread)}"
