"""Padding and waiting are told from observations that were stored late, and are trimmed."""

from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.cli import main
from rexd.demos import Demonstrations, Trajectory
from rexd.inspection.data import find
from rexd.inspection.data.looks.still_ends import moving_rows, still_ends
from rexd.inspection.mends.values import trim
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations

STEPS, PAD = 120, 200


def padded(demos, count=PAD, zeros=False):
    """Fill trajectories up with their last row, or with zeros, as arrays of (episodes, steps, columns) are."""

    def fill(t):
        long = t.rows(np.minimum(np.arange(len(t) + count), len(t) - 1))
        obs, act, following = long.observations.copy(), long.actions.copy(), long.next_observations.copy()
        if zeros:
            obs[len(t) :], act[len(t) :] = 0, 0
        following[:-1] = obs[1:]
        following[-1] = obs[-1]
        ends = np.arange(len(obs)) == len(obs) - 1
        return Trajectory(
            obs, act, following, terminated=np.zeros_like(ends), truncated=ends, next_known=~ends,
            rewards=long.rewards, steps=np.arange(len(obs)),
        )  # fmt: skip

    return replace(demos, trajectories=tuple(fill(t) for t in demos))


def waiting(count=20, start=0, stop=0):
    """A slow mass that waits, moves to zero and comes to rest there; the action is zero while it waits."""
    trajectories = []
    for number in range(count):
        places = [1.0 + np.sqrt(2) * number] * (start + 1)
        while abs(places[-1]) > 1e-6:
            places.append(0.8 * places[-1])
        places += [places[-1]] * stop
        rows = np.array(places)[:, None]
        actions = np.where(rows[1:] == rows[:-1], 0.0, -0.2 * rows[:-1])
        trajectories.append(Trajectory.from_steps(rows, actions))
    return Demonstrations(tuple(trajectories))


def codes(demos):
    return {finding.code: finding.severity for finding in find(demos)}


def test_moving_data_has_no_still_ends():
    assert still_ends(oscillators()) == still_ends(waiting()) == []
    assert all((found.start, found.stop) == (0, STEPS) for found in map(moving_rows, oscillators()))


@pytest.mark.parametrize("zeros", [False, True])
def test_padding_is_no_late_observation(zeros):
    demos = padded(oscillators(steps=STEPS), zeros=zeros)
    assert codes(demos) == {"padding": "warning"}
    (found,) = still_ends(demos)
    assert f"{6 * PAD:,} rows ({PAD / (PAD + STEPS):.1%})" in found.message
    assert "6 of 6 trajectories" in found.message
    assert "--trim" in found.mend
    assert codes(trim(demos)) == {}


@pytest.mark.parametrize("zeros", [False, True])
def test_trimming_gives_the_rows_before_the_padding(zeros):
    whole = oscillators(steps=STEPS)
    for t, original in zip(trim(padded(whole, zeros=zeros)), whole, strict=True):
        assert len(t) == STEPS
        assert np.array_equal(t.observations, original.observations)
        assert np.array_equal(t.actions, original.actions)
        assert np.array_equal(t.next_observations[:-1], original.next_observations[:-1])
        assert (t.next_known[:-1].all(), bool(t.next_known[-1])) == (True, False)  # the padding never showed it
        assert (t.terminated.any(), np.flatnonzero(t.truncated).tolist()) == (False, [STEPS - 1])


def test_the_mend_of_padding_mends_the_file(tmp_path):
    file = save_demonstrations(padded(oscillators(steps=STEPS)), tmp_path / "padded.npz")
    assert main(["convert", str(file), str(tmp_path / "mended.npz"), "--trim"]) == 0
    mended = load_demonstrations(tmp_path / "mended.npz")
    assert mended.lengths.tolist() == [STEPS] * 6
    assert "1,200 rows" in mended.notes[-1]
    assert find(mended) == ()


def test_an_end_that_is_marked_before_the_padding_is_no_early_end():
    def mark(number, t):
        ends = np.zeros(len(t), bool)
        ends[STEPS - 1 :] = True
        return {"terminated": ends, "truncated": np.zeros_like(ends)}

    demos = changed(padded(oscillators(steps=STEPS)), mark)
    assert "early-ends" not in codes(demos)
    assert [np.flatnonzero(t.terminated).tolist() for t in trim(demos)] == [[STEPS - 1]] * 6


def test_one_trajectory_that_was_filled_up_to_the_length_of_the_others():
    demos = oscillators(steps=STEPS)
    short = padded(Demonstrations((demos.trajectories[0].rows(slice(60)),)), STEPS - 60).trajectories[0]
    filled = replace(demos, trajectories=(*demos.trajectories[1:], short))
    assert codes(filled) == {"padding": "warning"}
    unequal = replace(demos, trajectories=(*demos.trajectories[1:], short.rows(slice(100))))
    assert codes(unequal)["idle-ends"] == "info"


@pytest.mark.parametrize(("start", "stop"), [(10, 0), (0, 200), (30, 200)])
def test_waiting_is_a_note_and_is_trimmed(start, stop):
    demos = waiting(start=start, stop=stop)
    found = codes(demos)
    assert found["idle-ends"] == "info"
    assert {"late-observations", "duplicate-rows", "padding"}.isdisjoint(found)
    moving = waiting()
    for t, original in zip(trim(demos), moving, strict=True):
        # one row of each rest is left: where it sets off, and where it has come to
        assert np.array_equal(t.observations[: len(original)], original.observations)
        assert len(t) - len(original) == (stop > 0)
    assert "idle-ends" not in codes(trim(demos))


def test_three_still_rows_are_a_moment():
    assert still_ends(padded(oscillators(), 3)) == []
    assert len(still_ends(padded(oscillators(), 4))) == 1


def test_late_observations_are_still_found_beside_padding():
    demos = changed(oscillators(steps=STEPS), lambda number, t: {"observations": t.next_observations})
    assert codes(demos)["late-observations"] == "error"
    filled = replace(demos, trajectories=tuple(t.rows(np.r_[: len(t), [len(t) - 1] * PAD]) for t in demos))
    assert codes(filled)["late-observations"] == "error"


def test_a_recorder_that_writes_three_times_as_fast_is_not_late():
    held = replace(
        oscillators(),
        trajectories=tuple(
            Trajectory.from_steps(np.repeat(t.observations, 3, axis=0)[:-2], np.repeat(t.actions, 3, axis=0)[:-3])
            for t in oscillators()
        ),
    )
    found = codes(held)
    assert found["standing-still"] == "info"
    assert found["duplicate-rows"] == "warning"
    assert "late-observations" not in found
