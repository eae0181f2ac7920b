"""Columns that look like flags, counters and sums."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rexd.reading.advice.column_kinds import described, kinds_of

RANDOM = np.random.default_rng(0)
ROWS = np.arange(200)


def beside(column: NDArray[np.float64]) -> dict[int, str]:
    """Return what is said of a column between ordinary ones, all others being ordinary."""
    noise, walk = RANDOM.normal(size=(200, 2)), np.cumsum(RANDOM.normal(size=(200, 1)), axis=0)
    return kinds_of(np.hstack([noise, column[:, None], walk, noise]))


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.full(200, 2.5), "constant (2.5)"),
        (ROWS % 50 == 49, "0 or 1, and 1 in 4 of 200 rows, as ends are"),
        (ROWS % 50 != 49, "0 or 1, and 0 in 4 of 200 rows, as ends are"),
        (ROWS, "a counter of steps or a clock"),
        (ROWS % 50, "a counter of steps or a clock, which begins again 3 times"),
        (0.02 * (ROWS % 50) + 7, "a counter of steps or a clock, which begins again 3 times"),
        (ROWS // 50, "a number that grows in 3 of 200 rows, as that of an episode does"),
        (np.cumsum(np.random.default_rng(1).uniform(0.1, 1, 200)), "a number that only grows, as a sum or a time does"),
    ],
)
def test_what_columns_look_like(column: NDArray[np.float64], expected: str) -> None:
    assert beside(column.astype(np.float64)) == {2: expected}


@pytest.mark.parametrize(
    "column",
    [
        RANDOM.normal(size=200),
        np.sin(ROWS / 10),
        np.sign(np.sin(ROWS / 3)),
        RANDOM.integers(0, 2, 200),
        RANDOM.integers(0, 4, 200),
        np.where(ROWS == 3, np.nan, 0.0),
    ],
)
def test_observations_and_actions_are_not_named(column: NDArray[np.float64]) -> None:
    assert beside(column.astype(np.float64)) == {}


def test_few_are_described_and_a_table_of_nothing_else_is_not_judged() -> None:
    rows = np.hstack([RANDOM.normal(size=(20, 1)), np.tile(np.arange(9.0), (20, 1))])
    text = described(kinds_of(rows))
    assert text.startswith("column 1 is constant (0), column 2 is constant (1), ")
    assert text.endswith(", and 3 more columns are such")
    assert kinds_of(np.zeros((20, 3))) == kinds_of(RANDOM.normal(size=(2, 3))) == {}
