"""Trajectories of unequal length, told by a position that is moved by its velocity."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rexd.errors import DemonstrationError
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.ends.unequal_length import find_breaks
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints

LENGTHS = (40, 25, 61, 33)
STARTS = np.cumsum((0, *LENGTHS[:-1]))


def swings(*, seed: int = 0, lengths: tuple[int, ...] = LENGTHS) -> NDArray[np.float64]:
    """Position, velocity and what drives it, integrated by Euler's rule from near the origin."""
    rng = np.random.default_rng(seed)
    rows = []
    for steps in lengths:
        x, v = rng.uniform(-0.05, 0.05, 2)
        for _ in range(steps):
            force = rng.normal()
            rows.append((x, v, force))
            x, v = x + 0.02 * v, v + 0.3 * force
    return np.array(rows)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jumps_back_to_the_start_are_found(seed: int, dtype: type) -> None:
    found = find_breaks(swings(seed=seed).astype(dtype))
    assert found is not None
    np.testing.assert_array_equal(found, STARTS)


def test_more_rows_than_the_relation_is_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rexd.reading.rows.ends.unequal_length._FITTED_ROWS", 60)
    np.testing.assert_array_equal(find_breaks(swings()), STARTS)


def test_rounded_text_will_do() -> None:
    assert find_breaks(np.round(swings(), 5)) is not None


@pytest.mark.parametrize(
    "observations",
    [
        np.random.default_rng(0).normal(size=(200, 3)),
        np.random.default_rng(0).normal(size=(200, 3)).cumsum(axis=0),
        swings(lengths=(160,)),
        np.zeros((200, 3)),
        np.full((200, 3), np.nan),
        swings()[:20],
        np.repeat(np.random.default_rng(0).normal(size=(4, 3)), 50, axis=0),  # goals, each kept for a while
        np.vstack([swings(lengths=(80,)), swings(lengths=(80,)) + 100.0]),  # a jump, but not back
    ],
)
def test_nothing_is_guessed(observations: NDArray[np.float64]) -> None:
    assert find_breaks(observations) is None


def test_rows_end_to_end_are_cut_there() -> None:
    rows = swings()
    demos = from_steps("f.csv", RecordedColumns(rows, np.zeros((len(rows), 1))), hints=Hints())
    assert [len(t) for t in demos] == list(LENGTHS)
    assert demos.notes[0].startswith("inferred 4 trajectories: a position follows from the row before")
    assert not any(t.terminated.any() for t in demos)
    with pytest.raises(DemonstrationError, match="do not divide into trajectories of 50"):
        from_steps("f.csv", RecordedColumns(rows, np.zeros((len(rows), 1))), hints=Hints(episode_length=50))


def test_real_cartpole(shared_data: object) -> None:
    found = find_breaks(np.loadtxt(f"{shared_data}/gail_ppo_tf/observations.csv"))
    assert found is not None
    assert np.diff(found).tolist() == [200] * 18 + [197]
