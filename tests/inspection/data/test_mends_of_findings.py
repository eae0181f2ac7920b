"""What a finding proposes to do with ``rexd convert`` takes the finding away."""

import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
from oscillators import changed, oscillators

from rexd.cli import main
from rexd.demos import Demonstrations, Trajectory
from rexd.inspection.data import find
from rexd.reading.formats.rexd_npz import save_demonstrations
from rexd.reading.load import load_demonstrations

LENGTH = 120


def late(demos):
    return changed(demos, lambda number, t: {"observations": t.next_observations})


def limits_as_terminations(demos):
    return changed(demos, lambda number, t: {"terminated": t.truncated, "truncated": t.terminated})


def seen_after_the_reset(demos):
    def change(number, t):
        following = t.next_observations.copy()
        following[-1] = demos.trajectories[(number + 1) % len(demos)].observations[0]
        return {"next_observations": following}

    return changed(demos, change)


def first_seen_before_the_reset(demos):
    def change(number, t):
        first = t.observations.copy()
        first[0] = demos.trajectories[number - 1].observations[-1]
        return {"observations": first} if number else {}

    return changed(demos, change)


def stored_twice(demos):
    return Demonstrations((*demos.trajectories[:2], demos.trajectories[0], *demos.trajectories[2:]))


def with_columns(demos, make):
    def change(number, t):
        rows = make(t.observations, np.arange(len(t)))
        following = make(t.next_observations, np.arange(1, len(t) + 1))
        return {"observations": rows, "next_observations": following}

    return changed(demos, change)


def clock(demos):
    return with_columns(demos, lambda rows, steps: np.column_stack([rows, steps / LENGTH]).astype(np.float32))


def copies(demos):
    return with_columns(demos, lambda rows, steps: np.column_stack([rows, rows[:, 1], rows[:, 3]]))


def constants(demos):
    return with_columns(demos, lambda rows, steps: np.column_stack([0 * rows, rows]).astype(np.float32))


def joined(demos):
    parts = [t for pair in zip(demos.trajectories[::2], demos.trajectories[1::2], strict=True) for t in pair]
    names = ("observations", "actions", "next_observations", "terminated", "truncated", "next_known", "rewards")
    pieces = [
        Trajectory(**{name: np.concatenate([getattr(t, name) for t in parts[i : i + 2]]) for name in names})
        for i in range(0, len(parts), 2)
    ]
    return Demonstrations(tuple(pieces))


def joined_without_a_mark(demos):
    pieces = []
    for t in joined(demos):
        ends = np.zeros(len(t), bool)
        ends[-1] = True
        pieces.append(replace(t, truncated=ends))
    return Demonstrations(tuple(pieces))


@pytest.mark.parametrize(
    ("damage", "code", "name"),
    [
        (late, "late-observations", "mended"),
        (limits_as_terminations, "time-limit-terminated", "mended.h5"),
        (seen_after_the_reset, "next-episode-observation", "mended.h5"),
        (first_seen_before_the_reset, "stale-first-observation", "mended.npz"),
        (stored_twice, "duplicate-trajectories", "mended"),
        (clock, "time-column", "mended.npz"),
        (copies, "duplicate-columns", "mended.npz"),
        (constants, "constant-columns", "mended"),
        (joined, "early-ends", "mended.h5"),
        (joined_without_a_mark, "gaps", "mended"),
    ],
)
def test_the_mend_mends(tmp_path, capsys, damage, code, name):
    if name != "mended.npz":
        pytest.importorskip("h5py")
    demos = damage(oscillators(steps=LENGTH))
    (finding,) = (finding for finding in find(demos) if finding.code == code)
    mend = re.search(r"rexd convert (--[a-z-]+(?: (?:N|-?\d+(?:[,:]\d+)*))?)", finding.mend)
    assert mend is not None, finding.mend
    words = shlex.split(mend[1].replace(" N", f" {LENGTH}"))
    file = save_demonstrations(demos, tmp_path / "damaged.npz")
    assert main(["convert", str(file), str(tmp_path / name), *words]) == 0, capsys.readouterr().err
    mended = load_demonstrations(tmp_path / name)
    assert [finding.code for finding in find(mended)] == []
