"""Shifted actions are put right again, and rows are cut anew."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError
from rexd.inspection.mends.order import recut, shift_actions

NAMES = [item.name for item in fields(Trajectory)]


def episode(length=8, seed=0, terminated=True, known=True) -> Trajectory:
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(length + (1 if known else 0), 3)).astype("f4")
    actions = rng.normal(size=(length, 2))
    return Trajectory.from_steps(states, actions, terminated=terminated, rewards=rng.normal(size=length))


def assert_rows(found: Trajectory, expected: Trajectory, *but: str) -> None:
    for name in NAMES:
        if name not in but:
            one, other = getattr(found, name), getattr(expected, name)
            assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), name


def roll(t: Trajectory, rows: int, *names: str) -> Trajectory:
    return replace(t, **{name: np.roll(getattr(t, name), rows, axis=0) for name in names})


def test_actions_that_were_stored_a_row_late():
    good = episode()
    found = shift_actions(Demonstrations((roll(good, 1, "actions"),)), 1)
    assert_rows(found.trajectories[0], good.rows(slice(0, -1)), "truncated")
    assert found.trajectories[0].truncated.tolist() == [False] * 6 + [True]
    assert found.notes == (
        "shifted actions by 1: 1 rows of each trajectory have none and were dropped; 1 trajectories no longer reach "
        "their terminal state and count as truncated",
    )


def test_actions_that_were_stored_a_row_early():
    good = episode()
    found = shift_actions(Demonstrations((roll(good, -1, "actions"),)), -1)
    assert_rows(found.trajectories[0], good.rows(slice(1, None)))
    assert found.trajectories[0].steps[0] == 1


def test_observations_that_were_stored_after_the_step():
    good = episode()
    late = Demonstrations((replace(good, observations=good.next_observations),))
    found = shift_actions(late, 1)
    assert_rows(found.trajectories[0], good.rows(slice(1, None)))
    assert "moved with them" in found.notes[0]


def test_observations_that_are_a_step_older():
    good = episode()
    old = replace(good, observations=np.concatenate([good.observations[:1], good.observations[:-1]]))
    found = shift_actions(Demonstrations((old,)), -1)
    assert_rows(found.trajectories[0], good.rows(slice(0, -1)), "truncated")
    assert found.trajectories[0].truncated[-1]


def test_there_and_back_by_more_than_a_row():
    good = episode(known=False)
    found = shift_actions(shift_actions(Demonstrations((good,)), 2), -2).trajectories[0]
    assert_rows(found, good.rows(slice(2, -2)), "truncated", "terminated")
    assert found.next_known.all()


@pytest.mark.parametrize(
    ("demos", "k", "message"),
    [
        (Demonstrations((episode(),)), 0, "expected 1 or -1"),
        (Demonstrations((episode(), episode(2))), -2, "trajectory 1 has 2 steps; shifting actions by -2 leaves none"),
        (Demonstrations((episode().rows(np.array([0, 1, 3, 4])),)), 1, "step 1 of trajectory 0 is not the row"),
        (Demonstrations((episode(),)).subsample(2), 1, "Shift before subsampling"),
    ],
)
def test_what_cannot_be_shifted_is_refused(demos, k, message):
    with pytest.raises(DemonstrationError, match=message):
        shift_actions(demos, k)


def joined(*parts: Trajectory, **changes) -> Demonstrations:
    arrays = {name: np.concatenate([getattr(t, name) for t in parts]) for name in NAMES if name != "steps"}
    return Demonstrations((Trajectory(**arrays | changes),))


def test_ends_that_were_not_marked():
    a, b = episode(seed=1, terminated=False), episode(seed=2, terminated=False)
    found = recut(joined(a, b), 8)
    for one, other in zip(found, (a, b), strict=True):
        assert_rows(one, other)
    assert "cut anew into 2 trajectories of 8 steps" in found.notes[0]


def test_next_observations_that_reach_into_the_next_trajectory():
    states = np.random.default_rng(0).normal(size=(8, 3))
    found = recut(Demonstrations((Trajectory.from_steps(states, np.zeros((8, 1))),)), 4)
    for t, rows in zip(found, (states[:4], states[4:]), strict=True):
        assert t.next_known.tolist() == [True] * 3 + [False]
        np.testing.assert_array_equal(t.next_observations, np.concatenate([rows[1:], rows[-1:]]))
        assert (t.terminated.any(), t.truncated.tolist()) == (False, [False] * 3 + [True])


def test_ends_that_were_marked_early():
    good = episode(known=False)
    halves = Demonstrations(
        tuple(
            Trajectory.from_steps(
                good.observations[rows], good.actions[rows], terminated=True, rewards=good.rewards[rows]
            )
            for rows in (slice(0, 3), slice(3, None))
        )
    )
    found = recut(halves, 8).trajectories[0]
    assert_rows(found, good)
    assert "1 rows within the new ones as ends" in recut(halves, 8).notes[0]


def test_ends_that_are_inverted_say_nothing_about_the_last_row():
    good = episode(terminated=False)
    found = recut(joined(good, terminated=np.ones(8, bool), truncated=np.zeros(8, bool)), 4)
    assert [(t.terminated.any(), t.truncated.sum()) for t in found] == [(False, 1), (False, 1)]


@pytest.mark.parametrize(
    ("demos", "message"),
    [
        (Demonstrations((episode(),)), "8 steps do not divide into trajectories of 3"),
        (Demonstrations((episode(9),)).subsample(2, offset=0), "left out|do not divide"),
        (
            Demonstrations((episode(), replace(episode(1), rewards=None))),
            "rewards are recorded in some",
        ),
    ],
)
def test_what_cannot_be_cut_is_refused(demos, message):
    with pytest.raises(DemonstrationError, match=message):
        recut(demos, 3)
