"""Many small parts become one array, or an error that names the part."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from rexd.errors import DemonstrationError
from rexd.reading.containers import npz as arrays
from rexd.reading.rows.stacking import as_array, join, stack


def objects(*rows: Any) -> np.ndarray[Any, Any]:
    array = np.empty(len(rows), object)
    for number, row in enumerate(rows):
        array[number] = row
    return array


@pytest.mark.parametrize(
    ("rows", "shape", "dtype"),
    [
        ([1, 2], (2,), np.int64),
        ([1, 2.5], (2,), np.float64),
        ([True, np.bool_(False)], (2,), np.bool_),
        ([np.float32(1), np.float32(2)], (2,), np.float32),
        ([np.ones(3, "f4")] * 2, (2, 3), np.float32),
        ([np.ones(3, "f4"), np.ones(3, "f8")], (2, 3), np.float64),
        ([np.array(1.0), np.array(2.0)], (2,), np.float64),
        ([np.ones(6, "f4")[::2]] * 2, (2, 3), np.float32),
        ([np.ones((2, 3), order="F")] * 2, (2, 2, 3), np.float64),
        ([np.ones(0)] * 2, (2, 0), np.float64),
        ([np.ones((1, 3))] * 2, (2, 1, 3), np.float64),
        ([[1.0, 2.0, 3.0], (1, 2, 3)], (2, 3), np.float64),
        ([[1, 0], [0, 1]], (2, 2), np.int64),
        ([[np.ones(3)], [np.ones(3)]], (2, 1, 3), np.float64),
        ([objects(1.0, 2.0), objects(3.0, 4.0)], (2, 2), np.float64),
        ([np.ones(2), [1.0, 2.0]], (2, 2), np.float64),
        ([1.0, np.array([2.0])], None, None),
        ([np.ones(2), np.ones(3)], None, None),
        ([[1.0], [1.0, 2.0]], None, None),
        ([1.0, None], None, None),
        ([1.0, "2"], None, None),
        (["a", "b"], None, None),
        ([None, None], None, None),
        ([1, 10**30], None, None),
        ([1j], None, None),
        ([np.array(["a"])], None, None),
        ([{"pixels": 1}], None, None),
        ([[[[[[1.0]]]]]], None, None),
        ([[], []], None, None),
        ([], None, None),
    ],
)
def test_rows(rows: list[Any], shape: tuple[int, ...] | None, dtype: Any) -> None:
    if shape is None:
        with pytest.raises(DemonstrationError, match=r"f\.pkl.*(expected|damaged)"):
            stack("f.pkl", "observations", rows)
        return
    array = stack("f.pkl", "observations", rows)
    assert (array.shape, array.dtype) == (shape, dtype)


def test_the_row_that_differs_is_named() -> None:
    rows = [np.ones(2)] * 5 + [np.ones(3)]
    with pytest.raises(
        DemonstrationError, match=r"f\.pkl: observations have shape \(3,\) in row 5 and \(2,\) in row 0"
    ):
        stack("f.pkl", "observations", rows)
    with pytest.raises(DemonstrationError, match=r"f\.pkl: row 1: observations are a NoneType; expected one array"):
        stack("f.pkl", "observations", [1.0, None])
    with pytest.raises(DemonstrationError, match=r"dict of 'pixels'.*FlattenObservation"):
        stack("f.pkl", "observations", [{"pixels": 1}])


def test_shared_parts_cannot_exhaust_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "FREE_BYTES", 2**16)
    honest = [np.ones(1000)] * 8
    assert stack("f.pkl", "observations", honest).shape == (8, 1000)
    with pytest.raises(DemonstrationError, match=r"repeat 8000 bytes up to 80000000; .* made to exhaust memory"):
        stack("f.pkl", "observations", [np.ones(1000)] * 10**4)
    with pytest.raises(DemonstrationError, match="made to exhaust memory"):
        join("f.pkl", "observations", [np.ones((1000, 1))] * 10**4)
    part = [[1.0] * 100] * 100
    with pytest.raises(DemonstrationError, match="made to exhaust memory"):
        join("f.pkl", "observations", [part] * 10**5)
    shared: Any = [1.0] * 1000
    for _ in range(3):
        shared = [shared] * 1000
    with pytest.raises(DemonstrationError, match="made to exhaust memory"):
        stack("f.pkl", "observations", shared)


def test_trajectories_end_to_end() -> None:
    joined = join("f.pkl", "observations", [np.ones((2, 3)), [[1.0, 2.0, 3.0]], objects(np.zeros(3))])
    assert joined.shape == (4, 3)
    with pytest.raises(
        DemonstrationError, match=r"trajectory 1: observations have shape \(2, 4\); expected \(steps, 3\)"
    ):
        join("f.pkl", "observations", [np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(DemonstrationError, match="trajectory 0: observations have shape"):
        join("f.pkl", "observations", [np.array(1.0)])
    with pytest.raises(DemonstrationError, match="no trajectories"):
        join("f.pkl", "observations", [])


def test_one_array() -> None:
    assert as_array("f", "actions", np.ones(3)).shape == (3,)
    assert as_array("f", "actions", np.array([[1.0, 2.0]], object)).dtype == np.float64
    for wrong in (objects(np.ones(2), np.ones(3)), np.array(None, object)):
        with pytest.raises(DemonstrationError, match="actions are an object array of shape"):
            as_array("f", "actions", wrong)
    with pytest.raises(DemonstrationError, match="actions are a str"):
        as_array("f", "actions", "text")


def test_a_million_rows_a_second() -> None:
    rows = [np.ones(11, np.float32) for _ in range(100_000)]
    best = min(_seconds(rows) for _ in range(3))
    assert best < 0.4  # 0.1 s on a quiet machine


def _seconds(rows: list[Any]) -> float:
    start = time.process_time()
    stack("f.pkl", "observations", rows)
    return time.process_time() - start
