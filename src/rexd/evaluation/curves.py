"""When a learning curve reaches a return, and whether it stays there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrival:
    """A point of a learning curve.

    Attributes:
        steps: Environment steps of the learner.
        seconds: Wall-clock since the run began, evaluations included.
    """

    steps: int
    seconds: float


def reached(curve: Sequence[Mapping[str, Any]], target: float) -> Arrival | None:
    """The first evaluation whose mean true return is at least ``target``; None if there is none.

    Args:
        curve: Records with ``steps``, ``seconds`` and ``true_return``, in order.
        target: A return.
    """
    return next((_arrival(record) for record in curve if record["true_return"] >= target), None)


def kept(curve: Sequence[Mapping[str, Any]], target: float) -> Arrival | None:
    """The first evaluation from which on every one, to the end of the run, is at least ``target``.

    A run whose last evaluation falls short has not kept it, whatever came before: None.
    """
    first = None
    for record in reversed(curve):
        if not record["true_return"] >= target:  # NaN is no arrival either
            break
        first = record
    return None if first is None else _arrival(first)


def _arrival(record: Mapping[str, Any]) -> Arrival:
    return Arrival(int(record["steps"]), float(record["seconds"]))
