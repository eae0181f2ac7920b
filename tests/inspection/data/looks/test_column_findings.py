from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.inspection.data.looks.columns import constant_columns, duplicate_columns, lost_columns, ranges, time_columns


def with_column(make):
    """``make(step, observations)`` of the rows, with the final one."""

    def add(number, t):
        rows = np.concatenate([t.observations, t.next_observations[-1:]])
        column = np.asarray(make(np.arange(len(rows)), rows), np.float32)
        rows = np.column_stack([rows, column])
        return {"observations": rows[:-1], "next_observations": rows[1:]}

    return changed(oscillators(), add)


def test_good_columns():
    for look in (constant_columns, lost_columns, duplicate_columns, time_columns):
        assert look(oscillators()) == []


def test_a_constant_column():
    demos = with_column(lambda step, rows: np.full(len(step), 7.0))
    (found,) = constant_columns(demos)
    assert (found.severity, found.code) == ("info", "constant-columns")
    assert "1 of 5" in found.message
    assert "--drop-columns 4" in found.mend
    assert duplicate_columns(demos) == time_columns(demos) == []


def test_nothing_but_constant_columns():
    (found,) = constant_columns(changed(oscillators(), lambda number, t: {"observations": 0 * t.observations}))
    assert found.severity == "error"


def test_columns_are_named_where_names_were_recorded():
    demos = replace(
        with_column(lambda step, rows: np.full(len(step), 7.0)), column_names=("a", "b", "c", "d", "goal[0]")
    )
    (found,) = constant_columns(demos)
    assert "never vary: 4 (goal[0])" in found.message
    demos = replace(with_column(lambda step, rows: rows[:, 1]), column_names=("a", "b", "c", "d", "goal[0]"))
    (found,) = duplicate_columns(demos)
    assert "(4 of 1) (goal[0])" in found.message
    demos = replace(with_column(lambda step, rows: step), column_names=("a", "b", "c", "d", "goal[0]"))
    (found,) = time_columns(demos)
    assert "column 4 (goal[0]) is a clock" in found.message


def test_a_copied_column():
    (found,) = duplicate_columns(with_column(lambda step, rows: rows[:, 1]))
    assert (found.severity, found.code) == ("info", "duplicate-columns")
    assert "4 of 1" in found.message
    assert found.mend.endswith("--drop-columns 4")


@pytest.mark.parametrize("clock", [lambda s: s, lambda s: 1 - s / 1000, lambda s: 1e4 + 0.05 * s])
def test_a_clock(clock):
    (found,) = time_columns(with_column(lambda step, rows: clock(step)))
    assert (found.severity, found.code) == ("warning", "time-column")
    assert found.mend.endswith("--drop-columns 4")


@pytest.mark.parametrize(
    "column",
    [
        lambda s, rows: s + 40 * rows[0, 0],  # a position that grows from its own start
        lambda s, rows: s**1.1,  # one that is no clock
        lambda s, rows: np.minimum(s, 30),  # and one that stops
    ],
)
def test_what_grows_is_not_always_a_clock(column):
    assert time_columns(with_column(column)) == []


def test_a_clock_is_not_looked_for_after_subsampling():
    assert time_columns(with_column(lambda step, rows: step).subsample(5, offset=0)) == []


def test_ranges_are_what_options_take():
    assert ranges([3, 27, 28, 29, 31]) == "3,27:30,31"


@pytest.mark.parametrize(
    ("offset", "size", "dtype", "severity"),
    [
        (0.0, 1e-6, np.float32, None),  # float32 resolves it, and the reward keeps it
        (1e6, 1.0, np.float32, None),
        (0.0, 3e-8, np.float64, "warning"),
        (1e9, 1.0, np.float64, "warning"),
        (0.0, 1e-17, np.float64, "info"),  # what a simulator leaves in a column that never moves
        (1e6, 0.02, np.float32, "info"),  # nothing that float32 could have recorded
    ],
)
def test_columns_of_unusual_scales(offset, size, dtype, severity):
    demos = oscillators()
    rng = np.random.default_rng(0)

    def add(number, t):
        column = (offset + size * rng.normal(size=(len(t), 1))).astype(dtype)
        rows = np.concatenate([t.observations.astype(dtype), column], axis=1)
        return {"observations": rows, "next_observations": rows}

    demos = changed(demos, add)
    found = constant_columns(demos) + lost_columns(demos)
    assert [finding.severity for finding in found] == ([] if severity is None else [severity])
    if severity == "warning":
        assert "1 of 5 observation columns vary, but too little for float32: 4" in found[0].message
        assert "(column 4 spreads by " in found[0].message
