"""The steps and the time after which a learning curve reaches a return, and after which it keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrival:
    """A point of a learning curve.

    Attributes:
        steps: The learner's environment steps.
        seconds: Wall-clock time since the run began, evaluations included.
    """

    steps: int
    seconds: float


def reached(curve: Sequence[Mapping[str, Any]], target: float) -> Arrival | None:
    """Return the first evaluation whose mean true return is at least ``target``; None if there is none.

    Args:
        curve: Records with ``steps``, ``seconds`` and ``true_return``, in order.
        target: The return to reach.
    """
    return next((_arrival(record) for record in curve if record["true_return"] >= target), None)


def kept(curve: Sequence[Mapping[str, Any]], target: float) -> Arrival | None:
    """Return the first evaluation from which on all, to the end of the run, have at least the return ``target``.

    None: the last evaluation falls short.
    """
    first = None
    for record in reversed(curve):
        if not record["true_return"] >= target:  # so that NaN falls short too
            break
        first = record
    return None if first is None else _arrival(first)


def _arrival(record: Mapping[str, Any]) -> Arrival:
    return Arrival(int(record["steps"]), float(record["seconds"]))
