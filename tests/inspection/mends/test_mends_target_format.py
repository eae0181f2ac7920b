"""Converting there and back gives the same bytes, is refused with the mend, or notes what is left out."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rexd.demos import Demonstrations, Trajectory
from rexd.errors import DemonstrationError
from rexd.inspection.mends import values as mends
from rexd.inspection.mends.target_format import fit_to_format
from rexd.reading.formats import WRITTEN
from rexd.reading.load import load_demonstrations

every_target = pytest.mark.parametrize("target", WRITTEN)


def there_and_back(demos: Demonstrations, target: str, folder: Path) -> Demonstrations:
    if target != "npz":
        pytest.importorskip("h5py")
    return load_demonstrations(WRITTEN[target].save(demos, folder / "file"))


def assert_same(found: Demonstrations, expected: Demonstrations, *but: str) -> None:
    assert (len(found), len(found.unused)) == (len(expected), len(expected.unused))
    for one, other in zip((*found, *found.unused), (*expected, *expected.unused), strict=True):
        for item in fields(one):
            a, b = getattr(one, item.name), getattr(other, item.name)
            if item.name in but or (a is None and b is None):
                continue
            if item.name == "next_observations":
                a, b = a[one.next_known], b[other.next_known]
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()), item.name


@st.composite
def demonstrations(draw: st.DrawFn) -> Demonstrations:
    """Draw whole episodes of every dtype and kind of action, with some zeros of negative sign."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    obs_dtype, act_dtype = draw(st.sampled_from(["f2", "f4", "f8"])), draw(st.sampled_from(["f4", "f8"]))
    reward_dtype = draw(st.sampled_from([None, "f4", "f8", "i8"]))
    discrete, known = draw(st.booleans()), draw(st.booleans())
    obs_dim, act_dim = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    pieces = []
    for length in draw(st.lists(st.integers(2, 9), min_size=1, max_size=5)):
        states = rng.normal(size=(length + known, obs_dim)).astype(obs_dtype)
        states[rng.random(states.shape) < 0.1] = -0.0
        actions = rng.integers(0, 4, length) if discrete else rng.normal(size=(length, act_dim)).astype(act_dtype)
        rewards = None if reward_dtype is None else (9 * rng.normal(size=length)).astype(reward_dtype)
        pieces.append(Trajectory.from_steps(states, actions, terminated=draw(st.booleans()), rewards=rewards))
    return Demonstrations(tuple(pieces), n_actions=4 if discrete else None)


@every_target
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(demos=demonstrations())
def test_whole_episodes_keep_every_byte(target: str, demos: Demonstrations) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = there_and_back(fit_to_format(demos, target), target, Path(folder))
    assert_same(found, demos)
    if target != "d4rl":
        assert found.n_actions == demos.n_actions


@st.composite
def damaged(draw: st.DrawFn) -> Demonstrations:
    """Draw the same with what formats may not hold: gaps, unknown next observations, missing rewards, open ends, ..."""
    demos = draw(demonstrations())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    faults = draw(st.sets(st.sampled_from(["gaps", "unknown", "unpaid", "open", "inside", "dtype", "unused", "jump"])))
    pieces = []
    for t in demos:
        flip, rows = rng.random() < 0.5, rng.random(len(t))
        if "gaps" in faults and (rows < 0.6).any():
            t, rows = t.rows(np.flatnonzero(rows < 0.6)), rows[rows < 0.6]
        if "unknown" in faults:
            t = replace(t, next_known=t.next_known & (rows < 0.5))
        if "unpaid" in faults and flip:
            t = replace(t, rewards=None)
        if "open" in faults and flip:
            t = replace(t, truncated=np.zeros(len(t), bool), terminated=np.zeros(len(t), bool))
        if "inside" in faults:
            t = replace(t, terminated=t.terminated | (rows < 0.2))
        if "dtype" in faults and flip:
            t = replace(t, next_observations=t.next_observations.astype("f8"))
        if "jump" in faults and flip:
            t = replace(t, next_observations=-t.next_observations)
        pieces.append(t)
    count = len(pieces) - 1 if "unused" in faults and len(pieces) > 1 else len(pieces)
    return replace(demos, trajectories=tuple(pieces[:count]), unused=tuple(pieces[count:]))


@every_target
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(demos=damaged())
def test_nothing_is_lost_or_made_up_without_a_word(target: str, demos: Demonstrations) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            fitted = fit_to_format(demos, target)
            found = there_and_back(fitted, target, Path(folder))
        except DemonstrationError:
            assert target != "npz", "it holds everything"
            return
    if target == "npz":
        assert_same(found, demos)
        return
    notes = " ".join(fitted.notes)
    losses = {"steps": "step numbers", "truncated": "marked the end of"}
    lost = [name for name, told in losses.items() if told in notes]
    assert ("earlier selection had set aside" in notes) == bool(demos.unused)
    assert_same(found, replace(demos, unused=()), *lost)


@every_target
def test_another_byte_order_is_another_way_to_write_the_same_values(tmp_path, target):
    demos = whole(known=False)
    turned = [replace(t, observations=t.observations.astype(">f8"), actions=t.actions.astype(">f8")) for t in demos]
    foreign = Demonstrations(tuple(turned))
    found = there_and_back(fit_to_format(foreign, target), target, tmp_path)
    assert_same(found, foreign if target == "npz" else demos)


def whole(count=2, known=True) -> Demonstrations:
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(5 + known, 3)) for _ in range(count)]
    return Demonstrations(
        tuple(Trajectory.from_steps(s, s[:5, :1], terminated=True, rewards=np.ones(5)) for s in states)
    )


def mixed() -> Demonstrations:
    return Demonstrations((whole().trajectories[0], whole(known=False).trajectories[1]))


def unpaid() -> Demonstrations:
    first, second = whole()
    return Demonstrations((first, replace(second, rewards=None)))


@pytest.mark.parametrize(
    ("target", "demos", "message"),
    [
        ("minari", whole().subsample(2), "step 0 of trajectory 0 is not the row that follows.*--to npz"),
        ("d4rl", whole(known=False).subsample(2, offset=0), "after step 0 of .* if all next observations are known"),
        ("d4rl", mixed(), "drop all of them .--drop-last-next-observation. or write npz"),
        ("d4rl", unpaid(), "1 of 2 trajectories have no rewards, and D4RL has them for all rows or none; write npz"),
    ],
)
def test_refusals_name_the_mend(target, demos, message):
    with pytest.raises(DemonstrationError, match=message):
        fit_to_format(demos, target)


def test_the_mends_that_refusals_name_help(tmp_path):
    demos = mends.drop_last_next_observation(mixed())
    assert_same(there_and_back(fit_to_format(demos, "d4rl"), "d4rl", tmp_path), demos)


@pytest.mark.parametrize(
    ("target", "demos", "notes"),
    [
        ("npz", mixed().subsample(2), ()),
        ("minari", whole(), ()),
        ("d4rl", whole(), ()),
        ("minari", mixed(), ("the last next observation of 1 of 2 trajectories is not known: the file repeats",)),
        ("minari", unpaid(), ("1 of 2 trajectories have no rewards: the file says 0 and marks them as missing",)),
        ("d4rl", whole(known=False), ("the last next observation of each trajectory is not known",)),
        ("minari", whole().first(1), ("left out 5 rows that an earlier selection had set aside",)),
        (
            "d4rl",
            replace(whole(1).subsample(2, offset=1), unused=()),
            ("marked the end of 1 of 1 trajectories", "D4RL does not keep step numbers"),
        ),
        (
            "d4rl",
            Demonstrations((Trajectory.from_steps(np.eye(4), np.array([0, 1, 0])),), n_actions=5),
            ("D4RL does not say that there are 5 actions: without --env they will count as 2",),
        ),
    ],
)
def test_notes_say_what_is_left_out(tmp_path, target, demos, notes):
    fitted = fit_to_format(demos, target)
    assert len(fitted.notes) == len(notes), fitted.notes
    for found, expected in zip(fitted.notes, notes, strict=True):
        assert found.startswith(expected)
    there_and_back(fitted, target, tmp_path)
