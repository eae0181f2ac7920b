"""Telling what each place of a recorded tuple holds, as tools order states, actions, rewards and flags differently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.rows.ends.episode_ends import follows

_ROLES = {
    "s": "observations",
    "a": "actions",
    "r": "rewards",
    "n": "next_observations",
    "d": "dones",
    "b": "dones",  # only truth values, as a number could be a reward
    "t": "terminated",
    "u": "truncated",
}

_ORDERS = {
    2: ("sa",),
    3: ("san", "sab", "sar"),
    4: ("sarn", "sanb", "sanr", "snar", "sard"),
    5: ("sarnd", "sanrd", "snard", "sardn", "sandr", "sartu"),
    6: ("sarntu", "sanrtu"),
}
"""The known orders by the number of places, the most common one first."""

LENGTHS = range(min(_ORDERS), max(_ORDERS) + 1)
"""The numbers of places for which an order is known."""


def tell_order(source: str, places: Sequence[Array]) -> dict[str, Array]:
    """Return the fields of ``Columns`` that the places of recorded tuples hold.

    A next state has the shape of a state, and in most rows it is the state of the following row. A reward is a single
    number, and a flag is 0 or 1. Where several orders fit, the one is taken whose next states agree best with the
    following rows.

    Args:
        source: The file's name, for messages.
        places: The values in each place, each (N, ...).

    Raises:
        DemonstrationError: No known order fits, or two orders fit equally.
    """
    fitting = [order for order in _ORDERS.get(len(places), ()) if all(map(_fits, order, places, [places[0]] * 6))]
    if not fitting:
        shapes = ", ".join(f"({', '.join(map(str, place.shape[1:]))}) {place.dtype}" for place in places)
        raise DemonstrationError(
            f"{source}: holds tuples of {len(places)} values with the shapes {shapes}; expected (state, action), then "
            "any of reward, next state of the state's shape, and whether the episode ended. Save a list of dicts with "
            "the keys 'obs', 'action', 'reward', 'next_obs', 'done'"
        )
    scores = [_agreement(order, places) for order in fitting]
    best = max(scores)
    if scores.count(best) > 1 and len({order.index("a") for order in fitting}) > 1:
        raise DemonstrationError(
            f"{source}: the orders {' and '.join(map(_spell, fitting))} both fit its tuples; save a list of dicts with "
            "the keys 'obs', 'action', 'reward', 'next_obs', 'done'"
        )
    order = fitting[scores.index(best)]
    return {_ROLES[letter]: place for letter, place in zip(order, places, strict=True)}


def _fits(letter: str, place: Array, states: Array) -> bool:
    """Whether a place can hold what a letter of ``_ROLES`` stands for."""
    one_each = place.size == len(place)
    if letter == "s":
        return place.ndim > 1
    if letter == "n":
        return place.shape == states.shape
    if letter == "r":
        return one_each
    if letter == "b":
        return one_each and place.dtype == np.bool_
    if letter in "dtu":
        return one_each and bool(np.isin(place, (0, 1)).all())
    return letter == "a"


def _agreement(order: str, places: Sequence[Array]) -> float:
    """Return the share of rows whose next state is the state of the following row."""
    if "n" not in order or len(places[0]) < 2:
        return 0.0
    return float(follows(places[0], places[order.index("n")]).mean())


def _spell(order: str) -> str:
    return "(" + ", ".join(_ROLES[letter].replace("_", " ") for letter in order) + ")"
