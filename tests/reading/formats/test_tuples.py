"""Tuples of transitions and of trajectories, in the orders that people use."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, assert_read, flat, trajectories
from saving import CONTAINERS, pickled
from stress import transitions_per_second

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import tuples
from rexd.reading.load import load_demonstrations
from rexd.reading.rows.hints import Hints

PLACES = {"s": "observations", "a": "actions", "r": "rewards", "n": "next_observations", "d": "dones", "t": "dones"}
ENDS = np.cumsum(LENGTHS) - 1


def rows(order: str, **changes: Any) -> list[tuple[Any, ...]]:
    """Return one tuple for each transition; "u" is never true."""
    columns = flat() | changes
    columns |= {"truncated": np.zeros(sum(LENGTHS), bool)}
    return list(zip(*(columns[PLACES.get(letter, "truncated")] for letter in order), strict=True))


@pytest.mark.parametrize(
    "order", ["sarnd", "sanrd", "snard", "sardn", "sandr", "sarntu", "sanrtu", "sarn", "sanr", "snar", "sand", "san"]
)
def test_orders_with_the_next_state(tmp_path: Path, order: str) -> None:
    demos = load_demonstrations(pickled(tmp_path, rows(order)))
    assert_read(demos, ends="d" in order or "t" in order, rewards="r" in order)


@pytest.mark.parametrize("order", ["sard", "sad"])
def test_orders_without_the_next_state(tmp_path: Path, order: str) -> None:
    marked = np.isin(np.arange(sum(LENGTHS)), ENDS)
    demos = load_demonstrations(pickled(tmp_path, rows(order, dones=marked)))
    assert [len(t) for t in demos] == list(LENGTHS)
    assert all(t.terminated[-1] and not t.next_known[-1] for t in demos)
    assert (demos.returns is None) == ("r" not in order)


@pytest.mark.parametrize("order", ["sar", "sa"])
def test_orders_without_ends(tmp_path: Path, order: str) -> None:
    file = pickled(tmp_path, rows(order))
    assert [len(t) for t in load_demonstrations(file, episode_length=6)] == [6, 6]
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: 12 steps .* is one trajectory: --episode-length 12;"):
        load_demonstrations(file)


def test_states_that_are_as_wide_as_actions_are_told_by_what_follows(tmp_path: Path) -> None:
    columns = flat()
    for order in ("sarnd", "sanrd", "snard", "snar", "sanr"):
        file = pickled(tmp_path, rows(order, actions=columns["observations"] + 0.1))
        demos = load_demonstrations(file)
        np.testing.assert_array_equal(demos.trajectories[0].next_observations, trajectories()[0]["next_observations"])
    unrelated = np.random.default_rng(1).normal(size=columns["observations"].shape)
    file = pickled(tmp_path, rows("snard", actions=unrelated + 1, next_observations=unrelated))
    with pytest.raises(DemonstrationError, match=r"demos\.pkl: the orders \(observations, actions, next .* both fit"):
        load_demonstrations(file)


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers(tmp_path: Path, container: str) -> None:
    assert_read(load_demonstrations(CONTAINERS[container](tmp_path, rows("sarnd"))))


@pytest.mark.parametrize("make", [deque, tuple, lambda made: [list(row) for row in made]])
def test_deques_tuples_and_lists(tmp_path: Path, make: Any) -> None:
    assert_read(load_demonstrations(pickled(tmp_path, make(rows("sarnd")))))


def test_an_array_of_objects(tmp_path: Path) -> None:
    array = np.empty((sum(LENGTHS), 5), object)
    for number, row in enumerate(rows("sarnd")):
        for place, value in enumerate(row):
            array[number, place] = value
    assert_read(load_demonstrations(pickled(tmp_path, array)))


def test_plain_lists_of_numbers(tmp_path: Path) -> None:
    made = [(s.tolist(), a.tolist(), float(r), n.tolist(), int(d)) for s, a, r, n, d in rows("sarnd")]
    assert_read(load_demonstrations(pickled(tmp_path, made)))


def test_an_axis_too_many(tmp_path: Path) -> None:
    made = [(s[None], a[None], np.array([r]), n[None], d) for s, a, r, n, d in rows("sarnd")]
    assert_read(load_demonstrations(pickled(tmp_path, made)))


def test_discrete_actions(tmp_path: Path) -> None:
    demos = load_demonstrations(pickled(tmp_path, rows("sarnd", actions=np.arange(12) % 4)))
    assert demos.n_actions == 4


def test_dicts_are_ignored(tmp_path: Path) -> None:
    demos = load_demonstrations(pickled(tmp_path, [(*row, {"info": 1}) for row in rows("sarnd")]))
    assert_read(demos)
    assert demos.notes[-1] == "ignored the dicts in place 5 of each tuple"


def nested() -> list[Any]:
    made = rows("sarn")
    return [made[: LENGTHS[0]], made[LENGTHS[0] : -LENGTHS[-1]], [], made[-LENGTHS[-1] :]]


def test_one_list_for_each_trajectory(tmp_path: Path) -> None:
    assert_read(load_demonstrations(pickled(tmp_path, nested())), ends=False)


def arrays(names: str = "sard", *, final: bool = False) -> list[tuple[Any, ...]]:
    made = []
    for t in trajectories():
        states = np.concatenate([t["observations"], t["next_observations"][-1:]]) if final else t["observations"]
        made.append((states, *(t[PLACES[name]] for name in names[1:])))
    return made


def test_one_tuple_of_arrays_for_each_trajectory(tmp_path: Path) -> None:
    assert_read(load_demonstrations(pickled(tmp_path, arrays())), following=False)
    assert_read(load_demonstrations(pickled(tmp_path, arrays(final=True))))
    assert_read(load_demonstrations(pickled(tmp_path, arrays("sa"))), following=False, ends=False, rewards=False)


def test_one_tuple_of_arrays(tmp_path: Path) -> None:
    columns = flat()
    assert_read(load_demonstrations(pickled(tmp_path, tuple(columns.values()))))
    pair = load_demonstrations(pickled(tmp_path, [columns["observations"], columns["actions"]]), episode_length=6)
    assert [len(t) for t in pair] == [6, 6]
    one = load_demonstrations(pickled(tmp_path, arrays(final=True)[0]))
    assert [len(t) for t in one] == [LENGTHS[0]]
    assert one.trajectories[0].next_known.all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((np.ones(3), np.ones(2)), "row 12 has 2 places and row 0 has 5"),
        (
            (np.ones(4), np.ones(2), 0.0, np.ones(3), False),
            r"values in place 0 of the tuples have shape \(4,\) in row 12",
        ),
        ((np.ones(3), np.ones(2), 0.0, None, False), "place 3 .* NoneType|NoneType.*expected one array"),
        (3, "row 12 has 0 places"),
    ],
)
def test_rows_that_differ_are_named(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"demos\.pkl: .*({message})"):
        load_demonstrations(pickled(tmp_path, [*rows("sarnd"), change]))


def test_orders_that_cannot_be_told_show_the_shapes(tmp_path: Path) -> None:
    file = pickled(tmp_path, [(*row[:4], np.ones(7)) for row in rows("sarnd")])
    with pytest.raises(
        DemonstrationError, match=r"tuples of 5 values with the shapes \(3\) float64, \(2\) float32, .*'obs'"
    ):
        load_demonstrations(file)


def test_trajectories_that_differ_are_named(tmp_path: Path) -> None:
    file = pickled(tmp_path, [*arrays(), (np.ones((4, 3)),)])
    with pytest.raises(DemonstrationError, match="trajectory 3 is not a tuple of 4 arrays of equal length"):
        load_demonstrations(file)


@pytest.mark.parametrize("content", [[(1, 2, 3)], [np.ones(3)], [[np.ones(3)]], ["ab", "cd"], [(np.ones(3),) * 7]])
def test_other_lists_are_not_claimed(tmp_path: Path, content: Any) -> None:
    assert not tuples.sniff(Source(pickled(tmp_path, content)))


def test_lists_that_hold_themselves(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert not tuples.sniff(Source(pickled(tmp_path, loop)))


@pytest.mark.parametrize(
    ("name", "lengths", "terminated"),
    [("reacher_demo", 100, 99), ("lunarlander_continuous_demo", 25, 24), ("lunarlander_discrete_demo", 23, 22)],
)
def test_real_files(shared_data: Path, name: str, lengths: int, terminated: int) -> None:
    demos = load_demonstrations(shared_data / "rl_algorithms" / f"{name}.pkl")
    assert (len(demos), demos.n_transitions) == (lengths, 5000)
    assert sum(t.terminated[-1] for t in demos) == terminated
    assert demos.returns is not None
    assert demos.n_actions == (4 if "discrete" in name else None)
    if name == "reacher_demo":
        assert {len(t) for t in demos} == {50}
        assert demos.notes[0].startswith("1 ends of trajectories are not marked")
        assert demos.notes[1].startswith("all trajectories marked as done have 50 steps, as a time limit makes them")


def test_real_time_limit(shared_data: Path) -> None:
    source = Source(shared_data / "rl_algorithms" / "reacher_demo.pkl")
    demos = tuples.load(source, Hints(max_episode_steps=50))
    assert all(t.truncated[-1] and not t.terminated.any() for t in demos)


def test_a_quarter_of_a_million_transitions_a_second() -> None:
    count, episode = 100_000, 500
    source = Source("memory")
    states = [np.full(17, i, np.float32) for i in range(count + 1)]
    source.__dict__["content"] = [
        (states[i], np.ones(6, np.float32), 1.0, states[i + 1], i % episode == episode - 1) for i in range(count)
    ]
    assert len(tuples.load(source, Hints())) == count // episode
    assert transitions_per_second(lambda: tuples.load(source, Hints())) > 250_000


def golden(folder: Path) -> list[Golden]:
    flat_rows = [Golden(save(folder, rows("sarnd")), trajectories=3) for save in CONTAINERS.values()]
    (folder / "nested").mkdir()
    return [*flat_rows, Golden(pickled(folder / "nested", nested()), trajectories=3)]
