"""Evaluations for people: texts, numbers, a table of a policy beside what it is compared with, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADINGS = ("", "true return", "IQM [95% interval]", "learned return", "episodes")
"""The headings of the rows that ``compared`` returns."""


def number(value: float) -> str:
    """Format a return or a reward: without decimals from 1,000 on, with one from 10 on, and with three below."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def with_spread(value: float, spread: float | None) -> str:
    """Format a mean with its standard deviation, where there is one."""
    return number(value) if spread is None else f"{number(value)} ± {number(spread)}"


def iqm_cell(summary: Mapping[str, Any]) -> str:
    """Return the interquartile mean of a summary with its interval, or nothing where a single return has neither."""
    low, high = summary["low"], summary["high"]
    return "" if low is None or high is None else f"{number(summary['iqm'])} [{number(low)}, {number(high)}]"


def compared(
    evaluation: Mapping[str, Any],
    demonstrated: Mapping[str, Any] | None,
    others: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[tuple[str, ...]]:
    """Return one row for the policy and for each that it is compared with, without those of which nothing is known.

    Args:
        evaluation: The content of a run's ``evaluation.json``.
        demonstrated: The summary of the true returns of the demonstrations; None if they are not known.
        others: Evaluations of other policies as plain JSON types, by name.
    """
    parts = {
        "demonstrations": {"true": demonstrated, "learned": evaluation.get("demonstrations", {}).get("learned")},
        "clone": evaluation.get("clone", {}),
        **(others or {}),
        "policy": evaluation,
    }
    rows = [_row(name, each) for name, each in parts.items()]
    return [row for row in rows if any(row[1:])]


def verdict(evaluation: Mapping[str, Any]) -> str | None:
    """Return in one sentence how the policy compares with the demonstrations and with the clone, by learned return.

    Args:
        evaluation: The content of a run's ``evaluation.json``.

    Returns:
        The sentence; None where the learned returns are not known, as in older runs and in controls.
    """
    policy, demonstrated, clone = (
        None if (summary := part.get("learned")) is None else float(summary["mean"])
        for part in (evaluation, evaluation.get("demonstrations") or {}, evaluation.get("clone") or {})
    )
    if policy is None or demonstrated is None or demonstrated <= 0.0:
        return None
    kept = "" if evaluation.get("selected_at") != 0 else ", a clone of them,"
    said = f"The policy{kept} reaches {policy / demonstrated:.0%} of the demonstrations' learned return"
    return f"{said}." if clone is None else f"{said}; the clone reaches {clone / demonstrated:.0%}."


def _row(name: str, evaluation: Mapping[str, Any]) -> tuple[str, ...]:
    true, learned = evaluation.get("true"), evaluation.get("learned")
    if true is None and learned is None:
        return (name, "", "", "", "")
    spread = ["" if each is None else with_spread(each["mean"], each["std"]) for each in (true, learned)]
    return name, spread[0], "" if true is None else iqm_cell(true), spread[1], str((true or learned or {})["n"])
