"""Rows end to end become the trajectories that were recorded, whatever was recorded of their ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from returning import episodes

from rexd.demos import Demonstrations
from rexd.errors import DemonstrationError
from rexd.reading.rows.columns import RecordedColumns
from rexd.reading.rows.from_steps import from_steps
from rexd.reading.rows.hints import Hints

LENGTHS = [5, 3, 4]
N = sum(LENGTHS)
LAST = np.cumsum(LENGTHS) - 1
ENDS = np.isin(np.arange(N), LAST)
OBS = np.random.default_rng(0).normal(size=(N, 2))
NEXT = np.where(ENDS[:, None], 100 + OBS, np.roll(OBS, -1, axis=0))


def build(
    hints: Hints = Hints(),  # noqa: B008
    actions: Any = None,
    obs: Any = OBS,
    notes: tuple[str, ...] = (),
    **columns: Any,
) -> Demonstrations:
    actions = np.zeros((len(obs), 1)) if actions is None else actions
    return from_steps("f.pkl", RecordedColumns(obs, actions, **columns), hints=hints, notes=notes)


def ended(demos: Demonstrations) -> tuple[list[int], list[bool], list[bool]]:
    assert not any(t.terminated[:-1].any() or t.truncated[:-1].any() for t in demos)
    return (
        [len(t) for t in demos],
        [bool(t.terminated[-1]) for t in demos],
        [bool(t.truncated[-1]) for t in demos],
    )


NO, YES = [False] * 3, [True] * 3


@pytest.mark.parametrize(
    "starts", [np.array([0, 5, 8]), [0, 5, 8], np.roll(ENDS, 1), np.roll(ENDS, 1).astype(object).astype(bool)]
)
def test_starts(starts: Any) -> None:
    demos = build(starts=starts)
    assert ended(demos) == (LENGTHS, NO, YES)
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), OBS)


@pytest.mark.parametrize(
    "starts", [[1, 5], [0, 5, 5], [0, 12], [], [0.0, 5.0], [[0, 5]], np.zeros(N, bool), np.ones(3, bool)]
)
def test_impossible_starts(starts: Any) -> None:
    with pytest.raises(DemonstrationError, match=r"f\.pkl: the starts of the trajectories do not fit 12 rows"):
        build(starts=starts)


def test_terminated_and_truncated_are_kept_apart() -> None:
    term = ENDS & (np.arange(N) != LAST[1])
    demos = build(terminated=term, truncated=ENDS & ~term)
    assert ended(demos) == (LENGTHS, [True, False, True], [False, True, False])
    assert demos.notes == ()


def test_starts_with_terminated() -> None:
    demos = build(starts=[0, 5, 8], terminated=np.arange(N) == LAST[0])
    assert ended(demos) == (LENGTHS, [True, False, False], [False, True, True])


def test_dones_with_truncated() -> None:
    demos = build(dones=ENDS, truncated=np.arange(N) == LAST[0])
    assert ended(demos) == (LENGTHS, [False, True, True], [True, False, False])


def test_a_recording_that_stops_before_the_end() -> None:
    demos = build(dones=ENDS & (np.arange(N) != N - 1))
    assert ended(demos) == (LENGTHS, [True, True, False], [False, False, True])


def test_done_at_the_time_limit_is_truncated() -> None:
    demos = build(Hints(max_episode_steps=5), dones=ENDS)
    assert ended(demos) == (LENGTHS, [False, True, True], [True, False, False])
    assert "1 of 3 trajectories are marked as done at the environment's time limit of 5 steps" in demos.notes[0]


def test_equal_lengths_are_mentioned_where_the_limit_is_unknown() -> None:
    demos = build(dones=np.arange(N) % 4 == 3)
    assert ended(demos) == ([4, 4, 4], YES, NO)
    assert "all trajectories marked as done have 4 steps, as a time limit makes them" in demos.notes[0]


def test_unmarked_time_limits_are_cut_where_the_limit_is_known() -> None:
    demos = build(Hints(max_episode_steps=4), dones=np.arange(N) == N - 1)
    assert [len(t) for t in demos] == [4, 4, 4]
    assert "1 trajectories were longer than the environment's time limit of 4: cut there" in demos.notes[0]


def test_rows_that_join_are_of_one_trajectory_whatever_the_limit() -> None:
    demos = build(Hints(max_episode_steps=4), dones=ENDS, next_observations=NEXT)
    assert [len(t) for t in demos] == LENGTHS


@pytest.mark.parametrize("name", ["dones", "terminated"])
def test_masks_of_going_on_are_turned(name: str) -> None:
    demos = build(**{name: (~ENDS).astype(np.float32)})
    assert ended(demos) == (LENGTHS, YES, NO)
    assert f"{name} are true in 9 of 12 rows" in demos.notes[0]


def test_next_observations_show_ends_that_are_not_marked() -> None:
    demos = build(next_observations=NEXT, dones=ENDS & (np.arange(N) != LAST[0]))
    assert ended(demos) == (LENGTHS, [False, True, True], [True, False, False])
    assert demos.notes[0].startswith("1 ends of trajectories are not marked")
    assert all(t.next_known.all() for t in demos)
    np.testing.assert_array_equal(np.concatenate([t.next_observations for t in demos]), NEXT)


def test_next_observations_alone_show_all_ends() -> None:
    for following in (NEXT, NEXT.astype(np.float32)):
        demos = build(next_observations=following)
        assert ended(demos) == (LENGTHS, NO, YES)
        assert demos.notes == ()


def test_thinned_recordings_are_not_cut_at_every_row() -> None:
    demos = build(next_observations=OBS + 0.5, dones=ENDS)
    assert ended(demos) == (LENGTHS, YES, NO)


def test_one_trajectory_that_is_joined_all_through() -> None:
    demos = build(next_observations=np.concatenate([OBS[1:], OBS[:1]]))
    assert ended(demos) == ([N], [False], [True])
    assert "each next observation is the row that follows" in demos.notes[0]


def test_without_next_observations_the_last_is_unknown() -> None:
    for t in build(dones=ENDS):
        np.testing.assert_array_equal(t.next_observations[:-1], t.observations[1:])
        np.testing.assert_array_equal(t.next_observations[-1], t.observations[-1])
        assert t.next_known.tolist() == [True] * (len(t) - 1) + [False]


def test_without_ends_they_are_inferred_or_asked_for() -> None:
    rows = episodes([60] * 4)
    assert [len(t) for t in build(obs=rows)] == [60] * 4
    assert [len(t) for t in build(Hints(episode_length=80), obs=rows, dones=np.zeros(240))] == [80] * 3
    assert "the environment's time limit agrees" in build(Hints(max_episode_steps=60), obs=rows).notes[0]
    with pytest.raises(DemonstrationError, match=r"f\.pkl: 12 steps .* is one trajectory: --episode-length 12;"):
        build()


def test_rows_alone_need_no_ends() -> None:
    demos = build(Hints(rows_alone=True))
    assert ended(demos)[0] == [N]
    assert demos.notes == (f"taken as one trajectory of {N} steps: nothing shows where others would begin",)
    assert ended(build(Hints(rows_alone=True), dones=ENDS))[0] == LENGTHS
    assert ended(build(Hints(rows_alone=True, episode_length=6)))[0] == [6, 6]


def test_recorded_ends_may_be_confirmed_but_not_changed() -> None:
    assert len(build(Hints(episode_length=4), dones=np.arange(N) % 4 == 3)) == 3
    with pytest.raises(
        DemonstrationError, match="records trajectories of 3, 4, 5 steps, but episode_length asks for 4"
    ):
        build(Hints(episode_length=4), dones=ENDS)


DISCRETE, CONTINUOUS = Hints(episode_length=4, n_actions=3), Hints(episode_length=4, act_dim=1)
PLAIN = Hints(episode_length=4)


@pytest.mark.parametrize(
    ("hints", "actions", "shape", "kind"),
    [
        (PLAIN, np.ones((N, 1, 2), "f4"), (4, 2), "f"),
        (PLAIN, np.ones(N), (4, 1), "f"),
        (PLAIN, np.ones((N, 1)), (4, 1), "f"),
        (PLAIN, np.ones((N, 1), int), (4,), "i"),
        (PLAIN, np.ones((N, 1, 1), np.uint8), (4,), "u"),
        (PLAIN, np.ones(N, bool), (4,), "i"),
        (PLAIN, [[0.5, 1.0]] * N, (4, 2), "f"),
        (PLAIN, np.array([np.ones(2)] * N + [None], object)[:-1], (4, 2), "f"),
        (DISCRETE, np.ones((N, 1)), (4,), "i"),
        (DISCRETE, np.full((N, 1), 0.5), (4, 1), "f"),
        (CONTINUOUS, np.ones(N, int), (4, 1), "f"),
        (CONTINUOUS, np.ones((N, 1), bool), (4, 1), "f"),
        (Hints(episode_length=4, act_dim=2), np.ones((N, 2), int), (4, 2), "f"),
    ],
)
def test_actions(hints: Hints, actions: Any, shape: tuple[int, ...], kind: str) -> None:
    first = build(hints, actions).trajectories[0].actions
    assert (first.shape, first.dtype.kind) == (shape, kind)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "u1", "i2", "i4", "i8", "?"])
def test_observation_dtypes(dtype: str) -> None:
    values = np.arange(2 * N).reshape(N, 2) % 7
    first = build(PLAIN, obs=values.astype(dtype)).trajectories[0].observations
    np.testing.assert_array_equal(first, values[:4].astype(dtype))
    exact = np.float64 if np.dtype(dtype).itemsize > 2 else np.float32
    assert first.dtype == (np.dtype(dtype) if "f" in dtype else exact)
    build(PLAIN, obs=values.astype(dtype)[:, None])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"obs": np.full((N, 2), 2**53 + 1)}, "observations have shape .* and dtype int64; expected floating point"),
        ({"obs": np.zeros((N, 8, 8))}, "observations have shape .* as images do"),
        ({"actions": np.zeros((5, 1))}, r"actions have shape \(5, 1\), observations 12 rows"),
        ({"actions": np.array(1.0)}, r"actions have shape \(\)"),
        ({"next_observations": np.zeros((N, 3))}, r"next observations have shape \(12, 3\); expected \(12, 2\)"),
        ({"rewards": np.zeros(5)}, r"rewards have shape \(5,\); expected \(12,\)"),
        ({"dones": np.zeros(5)}, r"dones have shape \(5,\); expected \(12,\)"),
        ({"dones": np.full(N, 0.5)}, "dones hold numbers other than 0 and 1"),
        ({"dones": ENDS, "actions": np.where(np.arange(N) == 6, np.nan, 0)}, "trajectory 1: actions: .* at step 1"),
    ],
)
def test_wrong_arrays_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"f\.pkl: {message}"):
        build(PLAIN if "dones" not in options else Hints(), **options)


def test_rewards_in_any_shape() -> None:
    rewards = np.arange(float(N))
    for value in (rewards, rewards[:, None], list(rewards), [np.array([r]) for r in rewards]):
        demos = build(dones=ENDS, rewards=value)
        assert demos.returns == (10.0, 18.0, 38.0)


def test_notes_of_the_format_come_last() -> None:
    assert build(PLAIN, notes=("a note",)).notes[1:] == ("a note",)


def test_trajectories_and_steps_are_named() -> None:
    observations, actions = episodes([60] * 4), np.zeros((240, 1))
    pieces = build(Hints(episode_length=60), obs=observations, rewards=np.arange(240.0)).trajectories
    assert [len(p) for p in pieces] == [60] * 4
    np.testing.assert_array_equal(pieces[2].observations, observations[120:180])
    assert pieces[3].rewards is not None
    assert pieces[3].rewards[0] == 180.0
    assert not pieces[0].next_known[-1]
    actions[130] = np.inf
    with pytest.raises(DemonstrationError, match=r"f\.pkl: trajectory 2: actions: .* first at step 10"):
        build(Hints(episode_length=60), actions, obs=observations)


def test_next_observations_that_are_not_known() -> None:
    demos = build(next_observations=NEXT, next_known=~ENDS, starts=[0, 5, 8])
    assert ended(demos) == (LENGTHS, NO, YES)
    assert [t.next_known.tolist() for t in demos] == [[True] * (n - 1) + [False] for n in LENGTHS]
    np.testing.assert_array_equal(demos.trajectories[0].next_observations[-1], OBS[4])
    np.testing.assert_array_equal(demos.trajectories[0].next_observations[:-1], NEXT[:4])
    with pytest.raises(DemonstrationError, match=r"next_known have shape \(3,\)"):
        build(next_observations=NEXT, next_known=[True] * 3)


def test_one_row() -> None:
    columns = RecordedColumns(OBS[:1], np.zeros((1, 1)), next_observations=NEXT[:1], dones=[True])
    demos = from_steps("f.pkl", columns, hints=Hints())
    assert demos.trajectories[0].next_known.tolist() == [True]


@pytest.mark.parametrize("flags", [{}, {"dones": np.arange(N) == N - 1}, {"starts": [0]}])
def test_one_observation_more_is_the_final_one(flags: dict[str, Any]) -> None:
    demos = build(
        actions=np.zeros((N - 1, 1)), **{name: value[1:] if len(value) > 1 else value for name, value in flags.items()}
    )
    (only,) = demos
    np.testing.assert_array_equal(only.observations, OBS[:-1])
    np.testing.assert_array_equal(only.next_observations, OBS[1:])
    assert only.next_known.all()
    assert (only.terminated[-1], only.truncated[-1]) == ("dones" in flags, "dones" not in flags)


def test_one_observation_more_is_the_final_one_of_the_last_trajectory() -> None:
    """What follows the end of an earlier trajectory is where the next one starts, as automatic resets store it."""
    demos = build(actions=np.zeros((N - 1, 1)), dones=ENDS[1:])
    assert ended(demos) == ([4, 3, 4], YES, NO)
    assert [t.next_known.tolist() for t in demos] == [[True] * 3 + [False], [True] * 2 + [False], [True] * 4]
    np.testing.assert_array_equal(demos.trajectories[-1].next_observations, OBS[8:])


def test_one_observation_more_needs_no_next_observations() -> None:
    with pytest.raises(DemonstrationError, match=r"actions have shape \(11, 1\), observations 12 rows"):
        build(actions=np.zeros((N - 1, 1)), next_observations=NEXT)
