"""Selections from a set of trajectories."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rexd.demos import Demonstrations, Trajectory
from rexd.demos.streamed import Streamed
from rexd.errors import DemonstrationError


def make(lengths: tuple[int, ...] = (10, 8, 12), columns: int = 3, **changes: object) -> Demonstrations:
    """Trajectories whose first column counts rows over all of them, and whose next is always one more."""
    trajectories, start = [], 0
    for steps in lengths:
        counted = np.arange(start, start + steps + 1, dtype=np.float64)
        observations = np.repeat(counted[:, None], columns, axis=1) + np.arange(columns) * 1000
        actions = np.stack([np.linspace(-2, 2, steps), np.zeros(steps)], axis=1)
        trajectories.append(Trajectory.from_steps(observations, actions))
        start += 100
    return Demonstrations(tuple(trajectories), **changes)  # type: ignore[arg-type]


def discrete(actions: list[int], n_actions: int | None = None) -> Demonstrations:
    steps = Trajectory.from_steps(np.zeros((len(actions), 2)), np.array(actions))
    return Demonstrations((steps,), n_actions=n_actions)


def test_sizes() -> None:
    demos = make()
    assert (len(demos), demos.n_transitions, demos.obs_dim, demos.act_dim) == (3, 30, 3, 2)
    assert [len(t) for t in demos] == [10, 8, 12]


def test_transitions_are_float32_rows_with_their_trajectory() -> None:
    rows = make().transitions()
    assert rows.obs.dtype == rows.act.dtype == rows.next_obs.dtype == np.float32
    assert len(rows) == 30
    assert rows.trajectory.tolist() == [0] * 10 + [1] * 8 + [2] * 12
    np.testing.assert_array_equal(rows.next_obs[:, 0], rows.obs[:, 0] + 1)
    assert np.flatnonzero(rows.truncated).tolist() == [9, 17, 29]


def test_discrete_actions_are_counted() -> None:
    demos = discrete([0, 2, 1])
    assert demos.n_actions == demos.act_dim == 3
    assert demos.transitions().act.dtype == np.int64
    assert discrete([0, 1], n_actions=4).act_dim == 4
    with pytest.raises(DemonstrationError, match="run from 0 to 2; expected 0 to 1"):
        discrete([0, 2], n_actions=2)
    with pytest.raises(DemonstrationError, match="run from -1"):
        discrete([-1, 1])


def test_discrete_count_covers_unused_rows() -> None:
    head = discrete([0, 1])
    other = discrete([0, 5]).trajectories
    assert Demonstrations(head.trajectories, unused=other).n_actions == 6


def test_disagreeing_trajectories_are_refused() -> None:
    wide, narrow = make(columns=4).trajectories, make().trajectories
    with pytest.raises(DemonstrationError, match="trajectory 3 has 4 observation columns, trajectory 0 has 3"):
        Demonstrations(narrow + wide)
    with pytest.raises(DemonstrationError, match="trajectory 3 has 4 observation columns"):
        Demonstrations(narrow, unused=wide)
    mixed = Trajectory.from_steps(np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(DemonstrationError, match="all must agree"):
        Demonstrations((*narrow, mixed))
    with pytest.raises(DemonstrationError, match="no trajectories"):
        Demonstrations(())
    with pytest.raises(DemonstrationError, match="actions are continuous"):
        Demonstrations(narrow, n_actions=2)


@pytest.mark.parametrize("k", [1, 2, 5, 8])
def test_subsample_keeps_each_rows_own_next_observation(k: int) -> None:
    demos = make()
    kept = demos.subsample(k, seed=3)
    rows = kept.transitions()
    np.testing.assert_array_equal(rows.next_obs[:, 0], rows.obs[:, 0] + 1)
    for trajectory, whole, offset in zip(kept, demos, kept.offsets, strict=True):
        np.testing.assert_array_equal(trajectory.observations, whole.observations[offset::k])
    left = kept.unused_transitions()
    first_columns = rows.obs[:, 0].tolist() + ([] if left is None else left.obs[:, 0].tolist())
    assert sorted(first_columns) == sorted(demos.transitions().obs[:, 0].tolist())
    assert (left is None) == (k == 1)


def test_subsample_is_seeded_and_offsets_differ() -> None:
    demos = make((50,) * 8)
    assert demos.subsample(20, seed=1).offsets == demos.subsample(20, seed=1).offsets
    assert demos.subsample(20, seed=1).offsets != demos.subsample(20, seed=2).offsets
    assert len(set(demos.subsample(20, seed=0).offsets)) > 1
    assert demos.subsample(20, seed=0).sha256 != demos.subsample(20, seed=1).sha256


def test_subsample_takes_offsets() -> None:
    demos = make()
    assert demos.subsample(4, offset=3).offsets == (3, 3, 3)
    assert demos.subsample(4, offset=np.int64(3)).offsets == (3, 3, 3)  # type: ignore[arg-type]
    assert demos.subsample(4, offset=[0, 1, 2]).offsets == (0, 1, 2)


@pytest.mark.parametrize(
    ("k", "offset", "message"),
    [
        (0, 0, "every 0-th"),
        (4, 4, "expected one from 0 to 3"),
        (4, [0, 1], "do not fit 3 trajectories"),
        (4, -1, "do not fit"),
        (4, "first", "expected 'random'"),
        (20, 9, "trajectory 1 has 8 steps; keeping every 20-th from step 9 leaves none"),
    ],
)
def test_subsample_refuses(k: int, offset: object, message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        make().subsample(k, offset=offset)  # type: ignore[arg-type]


def test_first_keeps_the_others_as_unused() -> None:
    demos = make()
    head = demos.first(1)
    assert head.trajectories == demos.trajectories[:1]
    assert head.unused == demos.trajectories[1:]
    left = head.unused_transitions()
    assert left is not None
    assert len(left) == 20
    assert demos.first(3).unused_transitions() is None
    for count in (0, 4):
        with pytest.raises(DemonstrationError, match=f"asked for {count} trajectories, but the file has 3"):
            demos.first(count)


def test_split_is_by_trajectory() -> None:
    head, tail = make().subsample(2, offset=[0, 1, 0]).split(2)
    assert [len(t) for t in head] == [5, 4]
    assert [len(t) for t in tail] == [6]
    assert (head.offsets, tail.offsets) == ((0, 1), (0,))
    for count in (0, 3):
        with pytest.raises(DemonstrationError, match="expected 1 to 2"):
            make().split(count)


def test_first_keeps_the_offsets_of_what_it_keeps() -> None:
    assert make().subsample(2, offset=[1, 0, 0]).first(1).offsets == (1,)


def test_select_columns_covers_next_and_unused_rows() -> None:
    demos = make().first(2)
    for columns in (slice(0, 2), [0, 1], np.array([0, 1])):
        picked = demos.select_columns(columns)  # type: ignore[arg-type]
        assert picked.obs_dim == 2
        np.testing.assert_array_equal(picked.trajectories[0].observations, demos.trajectories[0].observations[:, :2])
        np.testing.assert_array_equal(
            picked.trajectories[0].next_observations, demos.trajectories[0].next_observations[:, :2]
        )
        assert picked.unused[0].observations.shape[1] == 2
        assert picked.notes == ("kept 2 of 3 observation columns",)
    assert demos.select_columns([2, 0]).trajectories[0].observations[0].tolist() == [2000.0, 0.0]


@pytest.mark.parametrize("columns", [[3], [-1], [], slice(3, 3), slice(0, 27), slice(5, None)])
def test_select_columns_refuses_what_is_not_there(columns: list[int] | slice) -> None:
    with pytest.raises(DemonstrationError, match="do not fit observations of 3 columns; expected numbers from 0 to 2"):
        make().select_columns(columns)


def test_clip_actions_counts_what_was_outside() -> None:
    demos = make((5,)).first(1)
    clipped = demos.clip_actions(np.array([-1.0, -1.0]), np.array([1.0, 1.0]))
    assert clipped.trajectories[0].actions[:, 0].tolist() == [-1.0, -1.0, 0.0, 1.0, 1.0]
    assert clipped.notes == ("clipped 2 of 10 action entries (20.0%) to the action space",)
    assert demos.clip_actions(np.array(-2.0), np.array(2.0)).notes == ()
    narrow = replace(demos.trajectories[0], actions=demos.trajectories[0].actions.astype(np.float32))
    kept = Demonstrations((narrow,), unused=(narrow,)).clip_actions(np.array(-1.0), np.array(1.0))
    assert kept.trajectories[0].actions.dtype == np.float32
    assert kept.unused[0].actions.max() == 1.0


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [([-1.0] * 3, [1.0] * 3, "do not fit actions of 2 columns"), (1.0, -1.0, "swap them"), (np.nan, 1.0, "do not fit")],
)
def test_clip_actions_refuses_wrong_bounds(low: object, high: object, message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        make().clip_actions(np.asarray(low), np.asarray(high))


def test_clip_actions_leaves_discrete_ones() -> None:
    demos = discrete([0, 3])
    assert demos.clip_actions(np.array(0.0), np.array(1.0)) is demos


def test_sha256_is_of_the_content_alone() -> None:
    # A literal: the hash is written into reward files and must not drift between versions.
    plain = Demonstrations((Trajectory.from_steps(np.zeros((3, 1), "<f4"), np.zeros((2, 1), "<f4")),))
    assert plain.sha256 == "2c516d294337353b0a912969281a4be661753d83b18ce46158e4ace1246adfee"
    demos = make()
    assert demos.sha256 == make(source="elsewhere", notes=("a note",)).sha256
    assert demos.sha256 != make((10, 12, 8)).sha256
    assert demos.first(1).sha256 == make((10,)).sha256
    assert demos.sha256 != demos.clip_actions(np.array(-1.0), np.array(1.0)).sha256


def test_returns_need_rewards_everywhere() -> None:
    one = Trajectory.from_steps(np.zeros((3, 1)), np.zeros((3, 1)), rewards=np.array([1.0, 2.0, 4.0]))
    assert Demonstrations((one,)).returns == (7.0,)
    assert Demonstrations((one, Trajectory.from_steps(np.zeros((3, 1)), np.zeros((3, 1))))).returns is None


def test_demonstrations_tell_what_they_are():
    steps = [Trajectory.from_steps(np.zeros((n + 1, 3)), np.ones((n, 2)), rewards=np.full(n, 100.0)) for n in (5, 1200)]
    assert repr(Demonstrations(tuple(steps), source="here.npz", env_id="Hopper-v5")).splitlines() == [
        "<Demonstrations: 1,205 transitions in 2 trajectories of 5 to 1,200 steps",
        " 3 observation columns, 2 action columns, returns 500 to 1.2e+05",
        " from here.npz, of Hopper-v5>",
    ]
    discrete = Trajectory.from_steps(np.zeros((5, 3)), np.array([0, 2, 1, 0]), terminated=True)
    assert repr(Demonstrations((discrete,))).splitlines()[0].endswith("4 transitions in 1 trajectory of 4 steps")
    assert repr(Demonstrations((discrete,))).splitlines()[1:] == [
        " 3 observation columns, 3 discrete actions",
        " from memory>",
    ]
    assert repr(discrete) == "<Trajectory: 4 steps, 3 observation columns, discrete actions, terminated>"
    assert repr(steps[0].rows(np.arange(4))).endswith("2 action columns, without an end, return 400>")


def test_to_tell_of_a_streamed_file_reads_it_no_further(tmp_path):
    def read(numbers):
        for number in numbers:
            assert number == 0
            yield Trajectory.from_steps(np.zeros((6, 3)), np.ones((5, 2)), rewards=np.ones(5))

    lines = repr(Demonstrations(Streamed(np.array([5, 5, 5]), read), source="large.hdf5")).splitlines()
    assert lines == [
        "<Demonstrations: 15 transitions in 3 trajectories of 5 steps",
        " 3 observation columns, 2 action columns",
        " from large.hdf5>",
    ]
