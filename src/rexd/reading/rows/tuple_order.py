"""Which place of a recorded tuple holds what: tools order state, action, reward, next state and end differently."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rexd.demos.trajectory import Array
from rexd.errors import DemonstrationError
from rexd.reading.rows.episode_ends import follows

_ROLES = {
    "s": "observations",
    "a": "actions",
    "r": "rewards",
    "n": "next_observations",
    "d": "dones",
    "b": "dones",  # only truth values: a number could be a reward
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
"""By the number of places, the usual one first."""

LENGTHS = range(min(_ORDERS), max(_ORDERS) + 1)
"""Numbers of places that are understood."""


def tell_order(source: str, places: Sequence[Array]) -> dict[str, Array]:
    """The arguments of ``from_steps`` that the places of recorded tuples hold.

    A next state has the shape of a state and is, mostly, the state of the following row; rewards are single numbers
    and ends are 0 or 1. Where several orders fit, the one whose next states agree best with the following rows is
    taken.

    Args:
        source: The file's name, for messages.
        places: One array of (N, ...) for each place.

    Raises:
        DemonstrationError: No known order fits, or two fit equally.
    """
    fitting = [order for order in _ORDERS.get(len(places), ()) if all(map(_fits, order, places, [places[0]] * 6))]
    if not fitting:
        shapes = ", ".join(f"({', '.join(map(str, place.shape[1:]))}) {place.dtype}" for place in places)
        raise DemonstrationError(
            f"{source}: holds tuples of {len(places)} with the shapes {shapes}; expected (state, action), then any of "
            "reward, next state of the state's shape, and whether the episode ended. Save a list of dicts with the "
            "keys 'obs', 'action', 'reward', 'next_obs', 'done'"
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
    """The share of rows whose next state is the state of the following row."""
    if "n" not in order or len(places[0]) < 2:
        return 0.0
    return float(follows(places[0], places[order.index("n")]).mean())


def _spell(order: str) -> str:
    return "(" + ", ".join(_ROLES[letter].replace("_", " ") for letter in order) + ")"
