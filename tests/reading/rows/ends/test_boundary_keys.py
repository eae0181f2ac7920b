"""Every key that tells where trajectories end, in any order and of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saving import pickled, write_hdf5

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.doubt import Doubt
from rexd.errors import DemonstrationError
from rexd.inspection.data import exit_status, find
from rexd.reading.from_memory import to_demonstrations
from rexd.reading.load import load_demonstrations

LENGTHS = [12, 9, 15, 9]
TERMINATED = [True, False, True, False]
N = sum(LENGTHS)
STOPS = np.cumsum(LENGTHS)
LAST = np.isin(np.arange(N), STOPS - 1)
STATES = np.isin(np.arange(N), (STOPS - 1)[TERMINATED])
IDS = np.repeat(np.arange(4), LENGTHS)
RNG = np.random.default_rng(0)
ROWS: dict[str, Any] = {"observations": RNG.normal(size=(N, 3)), "actions": RNG.uniform(-1, 1, (N, 2))}

NUMBERS = ["bool", "uint8", "int64", "float32", "float64"]
FLAGS: list[dict[str, Any]] = [
    {"terminals": STATES, "episode_terminals": LAST},
    {"terminals": STATES, "timeouts": LAST & ~STATES},
    {"terminals": STATES, "time_outs": LAST & ~STATES},
    {"terminals": STATES, "dones": LAST},
    {"terminated": STATES, "truncateds": LAST & ~STATES},
    {"terminated": STATES, "done": LAST},
    {"masks": ~STATES, "dones_float": LAST},
    {"masks": STATES, "dones_float": LAST},  # inverted already
    {"masks": ~STATES, "terminals": STATES, "dones_float": LAST},
    {"not_done": ~STATES, "is_last": LAST},
    {"terminals": STATES, "episode_ends": LAST},
]
"""Flags that tell how each trajectory ended."""

WHOLE: list[dict[str, Any]] = [
    {"episode_ids": IDS},
    {"episode": IDS + 7},
    {"traj_ids": IDS[::-1].copy()[::-1] * 3},
    {"trajectory_id": IDS[:, None]},
    {"episode_index": IDS % 2},
    {"traj_lens": LENGTHS},
    {"lengths": np.array(LENGTHS)},
    {"ep_lens": np.array(LENGTHS) + 1},  # the final observation is counted
    {"episode_lengths": np.array(LENGTHS, np.float32)},
    {"episode_ends": STOPS},
    {"traj_ends": STOPS - 1},
    {"episode_starts": STOPS - LENGTHS},
    {"traj_starts": np.isin(np.arange(N), STOPS - LENGTHS)},
]
"""What tells where trajectories end, but not how."""


def read(content: dict[str, Any], **options: Any) -> Demonstrations:
    return to_demonstrations(content, **options)


def doubts(demos: Demonstrations) -> list[str]:
    return [note.code for note in demos.notes if isinstance(note, Doubt)]


def ended(demos: Demonstrations) -> list[bool]:
    return [bool(t.terminated[-1]) for t in demos]


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: "-".join(flags))
def test_flags_tell_where_and_how_trajectories_end(flags: dict[str, Any]) -> None:
    demos = read(ROWS | flags)
    assert demos.lengths.tolist() == LENGTHS
    assert ended(demos) == TERMINATED
    assert all(t.terminated[-1] != t.truncated[-1] for t in demos)
    assert not doubts(demos)


@pytest.mark.parametrize("key", WHOLE, ids=lambda key: next(iter(key)))
def test_numbers_tell_where_trajectories_end(key: dict[str, Any]) -> None:
    demos = read(ROWS | key)
    assert demos.lengths.tolist() == LENGTHS
    assert ended(demos) == [False] * 4
    assert not demos.notes
    demos = read(ROWS | key | {"terminals": STATES})
    assert demos.lengths.tolist() == LENGTHS
    assert ended(demos) == TERMINATED
    assert not doubts(demos)


@given(
    flags=st.sampled_from(FLAGS),
    whole=st.lists(st.sampled_from(WHOLE), max_size=3),
    dtype=st.sampled_from(NUMBERS),
    column=st.booleans(),
    data=st.data(),
)
def test_order_dtype_and_further_keys_make_no_difference(
    flags: dict[str, Any], whole: list[dict[str, Any]], dtype: str, column: bool, data: st.DataObject
) -> None:
    made = {key: value.astype(dtype)[:, None] if column else value.astype(dtype) for key, value in flags.items()}
    content: dict[str, Any] = ROWS | {"seed": 3, "infos": {"a": 1}, "rewards": np.arange(float(N))}
    for key in whole:
        content |= {name: value for name, value in key.items() if name not in made}
    content |= made
    order = data.draw(st.permutations(list(content)))
    demos = read({key: content[key] for key in order})
    assert demos.lengths.tolist() == LENGTHS
    assert ended(demos) == TERMINATED
    assert not doubts(demos)
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), ROWS["observations"])


@pytest.mark.parametrize(
    ("flags", "terminated"),
    [
        ({"dones": LAST, "masks": np.ones(N)}, [True] * 4),  # a mask of padding
        ({"dones_float": LAST, "masks": np.ones(N)}, [False] * 4),
        ({"dones": LAST, "terminals": np.zeros(N)}, [False] * 4),
        ({"dones": np.zeros(N), "terminals": LAST}, [True] * 4),
        ({"dones": ~LAST}, [True] * 4),
        ({"episode_terminals": LAST}, [True] * 4),
        ({"masks": ~LAST}, [True] * 4),
        ({"timeouts": LAST}, [False] * 4),
    ],
)
def test_flags_that_are_alone_or_say_nothing(flags: dict[str, Any], terminated: list[bool]) -> None:
    demos = read(ROWS | flags)
    assert demos.lengths.tolist() == LENGTHS
    assert ended(demos) == terminated
    assert not doubts(demos)


def test_all_kinds_of_files_are_read_alike(tmp_path: Path) -> None:
    content = ROWS | {"terminals": STATES, "episode_terminals": LAST}
    np.savez(tmp_path / "demos.npz", **content)
    lines = [",".join(["o_0", "o_1", "o_2", "a_0", "a_1", "terminals", "episode_terminals"])]
    table = np.column_stack([content["observations"], content["actions"], STATES, LAST])
    lines += [",".join(map(repr, row)) for row in table.tolist()]
    (tmp_path / "demos.csv").write_text("\n".join(lines))
    transitions = [{key: content[key][row] for key in content} for row in range(N)]
    (tmp_path / "list").mkdir()
    for file in (
        pickled(tmp_path, content),
        tmp_path / "demos.npz",
        tmp_path / "demos.csv",
        write_hdf5(tmp_path / "demos.hdf5", content),
        pickled(tmp_path / "list", transitions),
    ):
        demos = load_demonstrations(file)
        assert demos.lengths.tolist() == LENGTHS, file
        assert ended(demos) == TERMINATED, file
        assert not doubts(demos), file


def test_d4rl_is_read_alike_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = ROWS | {"terminals": STATES, "episode_ids": IDS, "my_episode_number": IDS}
    file = write_hdf5(tmp_path / "demos.hdf5", content)
    whole = load_demonstrations(file)
    monkeypatch.setattr("rexd.demos.streamed.STREAM_BYTES", 0)
    demos = load_demonstrations(file)
    assert demos.streamed
    assert not whole.streamed
    for found in (whole, demos):
        assert found.lengths.tolist() == LENGTHS
        assert ended(found) == TERMINATED
        assert doubts(found) == ["unread-boundaries"]


@pytest.mark.parametrize("names", [np.array(["a", "b", "c", "d"])[IDS], [f"run {n}" for n in IDS]])
def test_trajectories_may_have_names(names: Any) -> None:
    assert read(ROWS | {"episode_id": names}).lengths.tolist() == LENGTHS


def test_rows_of_trajectories_that_alternate_are_put_in_order() -> None:
    order = np.arange(40).reshape(4, 10).T.ravel()  # step by step of four environments
    content = {key: np.asarray(value)[:40][order] for key, value in ROWS.items()}
    demos = read(content | {"episode_id": np.tile(np.arange(4), 10)})
    assert demos.lengths.tolist() == [10] * 4
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), ROWS["observations"][:40])
    assert "alternate" in demos.notes[0]


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("by_hand", [False, True])
def test_final_observations_between_the_trajectories(counted: int, by_hand: bool) -> None:
    states = np.random.default_rng(1).normal(size=(N + 4, 3))
    content = {"observations": states, "actions": ROWS["actions"]}
    keyed = content | {"traj_lens": np.array(LENGTHS) + counted}
    demos = read(content, lengths=LENGTHS) if by_hand else read(keyed)
    assert demos.lengths.tolist() == LENGTHS
    starts = np.cumsum([0, *(n + 1 for n in LENGTHS)])
    for number, t in enumerate(demos):
        whole = states[starts[number] : starts[number + 1]]
        np.testing.assert_array_equal(t.observations, whole[:-1])
        np.testing.assert_array_equal(t.next_observations, whole[1:])
        assert t.next_known.all()


def test_padding_of_zero_steps_is_left_out() -> None:
    assert read(ROWS | {"traj_lens": [12, 0, 9, 15, 9]}).lengths.tolist() == LENGTHS


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "traj_lens",
            [12, 9, 15],
            "'traj_lens' holds 3 lengths that sum to 36, for 45 steps; expected 45, or 48",
        ),
        ("lengths", [12, -9, 33, 9], "'lengths' holds .* as lengths; expected whole numbers"),
        ("ep_lens", [12.5, 9, 14.5, 9], "'ep_lens' holds .* as lengths; expected whole numbers"),
        (
            "episode_ends",
            [12, 21, 36, 40],
            "'episode_ends' holds .* for 45 steps; expected ascending row numbers",
        ),
        ("traj_ends", [21, 12, 36, 45], "'traj_ends' holds .* expected ascending row numbers up to 45"),
        ("traj_ends", [-1, 12, 36, 45], "'traj_ends' holds .* expected ascending row numbers up to 45"),
        ("traj_starts", [3, 12], "the starts of the trajectories do not fit 45 rows"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        read(ROWS | {key: value})


@pytest.mark.parametrize(
    ("content", "lengths", "message"),
    [
        (
            {"episode_id": IDS // 2, "traj_lens": LENGTHS},
            LENGTHS,
            "tells 2 trajectories and 'traj_lens' 4",
        ),
        ({"episode_id": IDS // 2, "dones": LAST}, LENGTHS, "tells 2 trajectories, and the marked ends 4"),
        ({"terminals": LAST, "episode_terminals": STATES}, LENGTHS, "does not mark 1 of the terminal states"),
        ({"terminated": STATES, "terminations": LAST}, [12, 24, 9], "'terminated' and 'terminations' differ"),
        ({"episode_id": IDS, "dones": np.roll(STATES, 1)}, LENGTHS, "but 2 ends are marked elsewhere: left these out"),
    ],
)
def test_a_file_that_contradicts_itself_is_a_warning(content: dict[str, Any], lengths: list[int], message: str) -> None:
    demos = read(ROWS | content)
    assert demos.lengths.tolist() == lengths
    found = [finding for finding in find(demos) if finding.code == "contradicting-ends"]
    assert len(found) == 1
    assert message in found[0].message
    assert exit_status(found) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("my_episode_number", IDS),
        ("endOfTrajectory", LAST),
        ("rollout_len", LENGTHS),
        ("segment_ends", STOPS),
        ("loss_mask", np.ones(N)),
        ("traj_label", [f"run {n}" for n in IDS]),
        ("episode_id", IDS[:-1] > 0),
    ],
)
def test_a_key_that_looks_like_boundaries_and_is_not_used_is_a_warning(key: str, value: Any) -> None:
    demos = read(ROWS | {"dones": STATES, key: value})
    if key == "episode_id":  # of another size: nothing that could be read
        assert not doubts(demos)
        return
    found = [finding for finding in find(demos) if finding.code == "unread-boundaries"]
    assert len(found) == 1
    assert repr(key) in found[0].message
    assert exit_status(found) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("episode_returns", np.arange(3)),
        ("seed", 3),
        ("gender", np.arange(N)),
        ("pendulum_angle", np.arange(N)),
        ("episode_loss", RNG.normal(size=N)),
        ("infos", {"done": 1}),
    ],
)
def test_other_keys_are_noted(key: str, value: Any) -> None:
    demos = read(ROWS | {"dones": STATES, key: value})
    assert not doubts(demos)
    assert demos.notes[-1] == f"ignored {key!r} of the file"


def test_lengths_by_hand() -> None:
    for content in (ROWS, ROWS | {"terminals": STATES}, ROWS | {"terminals": STATES, "episode_id": IDS}):
        demos = read(content, lengths=LENGTHS)
        assert demos.lengths.tolist() == LENGTHS
        assert ended(demos) == (TERMINATED if "terminals" in content else [False] * 4)
    demos = read(ROWS | {"how_long": np.array(LENGTHS)}, lengths="how_long")
    assert demos.lengths.tolist() == LENGTHS
    assert demos.notes == ("cut into 4 trajectories, of the lengths that were asked for",)


@pytest.mark.parametrize(
    ("content", "lengths", "message"),
    [
        ({}, [12, 9, 15], "has 45 steps, but the 3 lengths that were given sum to 36; expected .* sum to 45"),
        ({}, [45, 0], "expected numbers of 1 and more that sum to 45"),
        ({}, "traj_lens", "has no array 'traj_lens' that could hold the lengths .* found 'observations', 'actions'"),
        ({"how_long": [45, 1]}, "how_long", "'how_long' holds 2 lengths that sum to 46"),
        ({"dones": LAST}, [12, 33], "records trajectories of 12, 9, 15, 9 steps, but lengths asks for 12, 33; leave"),
        ({"episode_id": IDS // 2}, LENGTHS, "records trajectories of 21, 24 steps, but lengths asks for 12, 9, 15, 9"),
    ],
)
def test_lengths_by_hand_that_do_not_fit_are_refused(content: dict[str, Any], lengths: Any, message: str) -> None:
    with pytest.raises(DemonstrationError, match=message):
        read(ROWS | content, lengths=lengths)


def test_lengths_are_given_once() -> None:
    with pytest.raises(DemonstrationError, match="exclude each other"):
        read(ROWS, lengths=LENGTHS, episode_length=9)


def test_lengths_of_rows_without_keys() -> None:
    rows = np.concatenate([ROWS["observations"], ROWS["actions"]], axis=1)
    assert read(rows, lengths=LENGTHS, columns=slice(0, 3)).lengths.tolist() == LENGTHS
    with pytest.raises(DemonstrationError, match="has no key 'traj_lens'"):
        read(rows, lengths="traj_lens", columns=slice(0, 3))
    apart = [{"observations": np.zeros((n, 3)), "actions": np.zeros((n, 2))} for n in LENGTHS]
    assert read(apart, lengths=LENGTHS).lengths.tolist() == LENGTHS
    with pytest.raises(DemonstrationError, match="records trajectories of 12, 9, 15, 9 steps"):
        read(apart, lengths=[21, 24])
