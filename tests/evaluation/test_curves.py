import pytest

from rexd.evaluation.curves import Arrival, kept, reached


def curve(*returns):
    return [{"steps": 100 * k, "seconds": 2.5 * k, "true_return": value} for k, value in enumerate(returns, 1)]


@pytest.mark.parametrize(
    ("returns", "first", "last"),
    [
        ((1, 5, 9, 9), 300, 300),
        ((9, 5, 9, 9), 100, 300),  # reached, lost, found again
        ((9, 9, 9, 5), 100, None),  # not kept to the end
        ((9, 9), 100, 100),
        ((8, 8.99), None, None),
        ((1, float("nan"), 9), 300, 300),
        ((), None, None),
    ],
)
def test_reached_and_kept(returns, first, last):
    found = reached(curve(*returns), 9), kept(curve(*returns), 9)
    assert tuple(None if arrival is None else arrival.steps for arrival in found) == (first, last)


def test_an_arrival_has_the_clock_too():
    assert reached(curve(0, 0, 4), 4) == Arrival(300, 7.5)
