"""Mends of values: each changes what it is named for, and no other byte."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError
from rexd.inspection.mends import values as mends


def make(lengths=(5, 4), dtype="f4", terminated=True, discrete=False) -> Demonstrations:
    rng = np.random.default_rng(0)
    pieces = []
    for length in lengths:
        actions = rng.integers(0, 3, length) if discrete else rng.normal(size=(length, 2)).astype(dtype)
        observations = rng.normal(size=(length + 1, 4)).astype(dtype)
        pieces.append(
            Trajectory.from_steps(observations, actions, terminated=terminated, rewards=rng.normal(size=length))
        )
    return Demonstrations(tuple(pieces))


def assert_same(one: Demonstrations, other: Demonstrations, *but: str) -> None:
    for left, right in zip((*one, *one.unused), (*other, *other.unused), strict=True):
        for item in fields(left):
            if item.name not in but:
                a, b = getattr(left, item.name), getattr(right, item.name)
                assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes()), item.name


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scale_actions(dtype):
    demos = make(dtype=dtype)
    scaled = mends.scale_actions(demos, [2, -0.5])
    assert_same(scaled, demos, "actions")
    for one, other in zip(scaled, demos, strict=True):
        assert one.actions.dtype == dtype
        np.testing.assert_array_equal(one.actions, other.actions * np.array([2, -0.5], dtype))
    assert scaled.notes == ("multiplied actions by 2, -0.5",)
    assert mends.scale_actions(demos, 4).notes == ("multiplied actions by 4",)
    assert_same(mends.scale_actions(mends.scale_actions(demos, 4), 0.25), demos)


def test_scale_actions_to_bounds():
    demos = make()
    scaled = mends.scale_actions_to(demos, [-2, 0], [2, 1])
    expected = demos.trajectories[0].actions.astype(float) * [2, 0.5] + [0, 0.5]
    np.testing.assert_allclose(scaled.trajectories[0].actions, expected, rtol=1e-6)
    assert scaled.notes == ("scaled actions from -1 to 1 to the bounds -2, 0 to 2, 1",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: mends.scale_actions(d, [1, 2, 3]), "3 factors do not fit 2 action columns"),
        (lambda d: mends.scale_actions(d, 0), "finite factors other than 0"),
        (lambda d: mends.scale_actions(d, np.nan), "finite factors other than 0"),
        (lambda d: mends.scale_actions(d, 1e39), "trajectory 0: actions: .* beyond float32"),
        (lambda d: mends.scale_actions_to(d, -np.inf, np.inf), "give the factor"),
        (lambda d: mends.scale_actions_to(d, [1, 1, 1], [2, 2, 2]), "3 bounds do not fit 2"),
        (lambda d: mends.clip_actions(d, 1, -1), "is above the highest"),
        (lambda d: mends.drop_columns(d, slice(2, 9)), "do not fit observations of 4 columns"),
        (lambda d: mends.drop_columns(d, [4]), "do not fit observations of 4 columns"),
        (lambda d: mends.drop_columns(d, slice(0, 4)), "all 4 observation columns would be dropped"),
        (lambda d: mends.time_limit_is_truncation(d, 0), "expected 1 or more"),
        (lambda d: mends.keep_first(d, 3), "asked for 3 trajectories, but the file has 2"),
        (lambda d: mends.thin(d, 0), "expected 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(DemonstrationError, match=message):
        call(make())


@pytest.mark.parametrize("mend", [mends.scale_actions_to, mends.clip_actions])
def test_discrete_actions_have_no_size(mend):
    with pytest.raises(DemonstrationError, match="actions are discrete"):
        mend(make(discrete=True), -1, 1)


def test_clip_actions():
    demos = make()
    clipped = mends.clip_actions(demos, -0.5, [0.5, 9])
    assert_same(clipped, demos, "actions")
    assert np.concatenate([t.actions for t in clipped]).min() == -0.5
    assert clipped.notes[0].startswith("clipped ")
    untouched = mends.clip_actions(demos, -9, 9)
    assert_same(untouched, demos)
    assert untouched.notes == ("no action lies beyond the bounds",)


def test_drop_columns():
    demos = make()
    dropped = mends.drop_columns(demos, [3, 1, 3])
    assert_same(dropped, demos, "observations", "next_observations")
    for one, other in zip(dropped, demos, strict=True):
        np.testing.assert_array_equal(one.observations, other.observations[:, [0, 2]])
        np.testing.assert_array_equal(one.next_observations, other.next_observations[:, [0, 2]])
    assert dropped.notes == ("dropped 2 of 4 observation columns",)


def test_time_limits_are_truncation():
    demos = make((5, 4, 5), terminated=True)
    mended = mends.time_limit_is_truncation(demos, 5)
    assert_same(mended, demos, "terminated", "truncated")
    assert [(bool(t.terminated[-1]), bool(t.truncated[-1])) for t in mended] == [(0, 1), (1, 0), (0, 1)]
    assert mended.notes[0].startswith("2 of 3 trajectories, marked as terminated at the time limit of 5 steps")
    late = Demonstrations((demos.trajectories[0].rows(np.array([1, 4])),))
    assert not mends.time_limit_is_truncation(late, 5).trajectories[0].terminated.any(), "steps count, not rows"
    assert_same(mends.time_limit_is_truncation(make(terminated=False), 5), make(terminated=False))


def test_last_next_observations_become_unknown():
    demos = make()
    mended = mends.drop_last_next_observation(demos)
    assert_same(mended, demos, "next_observations", "next_known")
    for one, other in zip(mended, demos, strict=True):
        np.testing.assert_array_equal(one.next_observations[:-1], other.next_observations[:-1])
        np.testing.assert_array_equal(one.next_observations[-1], other.observations[-1])
        assert one.next_known.tolist() == [True] * (len(one) - 1) + [False]
    assert mended.notes == ("dropped the last next observation of 2 of 2 trajectories",)


def test_selections_keep_what_was_set_aside_before_and_nothing_more():
    demos = make((5, 4, 5))
    assert_same(mends.keep_first(demos, 2), make((5, 4)))
    assert mends.keep_first(demos, 2).notes == ("kept the first 2 of 3 trajectories",)
    aside = replace(demos, trajectories=demos.trajectories[:2], unused=demos.trajectories[2:])
    assert len(mends.keep_first(aside, 1).unused) == 1
    thinned = mends.thin(demos, 2, seed=1)
    assert thinned.unused == ()
    assert thinned.trajectories[0].steps.tolist() == list(range(thinned.offsets[0], 5, 2))
    assert "from random offsets (seed 1)" in thinned.notes[0]
