"""JSON files and JSON lines, whole and broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded import LENGTHS, assert_read, flat, trajectories
from saving import json_lines, jsoned, plain

import rexd.reading.containers.json as container
from rexd.errors import DemonstrationError
from rexd.reading.containers.json import starts_like_json
from rexd.reading.containers.source import NOTHING, Source
from rexd.reading.load import load_demonstrations


def rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: values[i] for name, values in columns.items()} for i in range(len(columns["actions"]))]


def final(episode: dict[str, Any]) -> Any:
    return np.concatenate([episode["observations"], episode["next_observations"][-1:]])


LAYOUTS: dict[str, Any] = {
    "a dict for each step": rows(flat()),
    "a dict for each trajectory": trajectories(),
    "a list of dicts for each trajectory": [rows(t) for t in trajectories()],
    "a dict of rows": flat(),
    "a dict of trajectories": {name: [t[name] for t in trajectories()] for name in flat()},
}


@pytest.mark.parametrize("write", [jsoned, json_lines])
@pytest.mark.parametrize("name", LAYOUTS)
def test_what_pickles_hold_is_read_from_json(tmp_path: Path, name: str, write: Any) -> None:
    assert_read(load_demonstrations(write(tmp_path, LAYOUTS[name])))


@pytest.mark.parametrize("write", [jsoned, json_lines])
@pytest.mark.parametrize("following", [False, True])
def test_pairs(tmp_path: Path, write: Any, following: bool) -> None:
    """The demonstration has one pair of observations and actions for each trajectory."""
    pairs = [(final(t) if following else t["observations"], t["actions"]) for t in trajectories()]
    assert_read(load_demonstrations(write(tmp_path, pairs)), ends=False, following=following, rewards=False)


def test_pairs_of_as_many_columns_are_told_by_the_final_observation(tmp_path: Path) -> None:
    pairs = [(final(t), t["observations"]) for t in trajectories()]
    demos = load_demonstrations(jsoned(tmp_path, pairs))
    assert [len(t) for t in demos] == list(LENGTHS)
    np.testing.assert_array_equal(demos.trajectories[2].actions, trajectories()[2]["observations"])


def test_pairs_of_discrete_actions(tmp_path: Path) -> None:
    pairs = [(final(t), np.arange(len(t["actions"])) % 2) for t in trajectories()]
    assert load_demonstrations(jsoned(tmp_path, pairs)).n_actions == 2


def test_one_trajectory_with_its_final_observation(tmp_path: Path) -> None:
    first = trajectories()[0]
    (only,) = load_demonstrations(jsoned(tmp_path, {"obs": final(first), "acts": first["actions"]}))
    np.testing.assert_array_equal(only.next_observations, first["next_observations"])
    assert only.next_known.all()


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    """JavaScript writes 1.0 as 1."""
    demos = load_demonstrations(jsoned(tmp_path, [{"obs": [0, 2], "action": [0.5], "done": n == 3} for n in range(4)]))
    assert demos.trajectories[0].observations.tolist() == [[0.0, 2.0]] * 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("lines", [False, True])
def test_encodings(tmp_path: Path, encoding: str, lines: bool) -> None:
    file = (json_lines if lines else jsoned)(tmp_path, rows(flat()))
    file.write_text(file.read_text("utf-8").replace("[", " \r\n[ " if not lines else "["), encoding=encoding)
    assert_read(load_demonstrations(file))


def test_values_over_several_lines(tmp_path: Path) -> None:
    file = tmp_path / "demos"
    file.write_text("\n\n".join(json.dumps(plain(t), indent=2) for t in trajectories()))
    assert_read(load_demonstrations(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"obs": [1.0, 2.0], "action": [1.0]}, {"obs": [1.0], "action": [1.0]}]', "length 1 in row 1 and 2 in row 0"),
        ('[{"obs": [1.0, null], "action": [1.0]}]', "NoneType"),
        ('[{"obs": [1.0, "x"], "action": [1.0]}]', "str; expected one array of numbers"),
        ('[{"obs": [1.0], "action": [1.0]}, 3]', "row 1 is a int; expected a dict"),
        ('[{"obs": [1.0], "action": [1.0], "done": true}, {"obs": [NaN], "action": [1.0], "done": true}]', "NaN"),
        ("[[[[1, 2], [3]], [[1], [2]]]]", "trajectory 0: arrays have length 1 in row 1 and 2 in row 0"),
        ("[[[[1, 2], [3, 4]], [[1], [2]]], [[[1, 2]], [[1], [2]]]]", "trajectory 1 is not a tuple of 2 arrays"),
        ('{"obs": [[1.0, 2.0]]', "Expecting ',' delimiter at line 1, column 21"),
        ('[{"obs": [1.0]}\n{"obs": [2.0]}]', "at line 2, column 1"),
        ('[{"obs": [1.0], "action": [1.0]}] and more', "Expecting value at line 1, column 35"),
        (
            '{"name": "run", "seed": 3}',
            "is a JSON file of dict of 'name', 'seed'; expected observations as 'observations'",
        ),
        ("[[]]", "is a JSON file of list of 1, the first: list; expected recorded observations and actions"),
        ('[""]', "is a JSON file of list of 1, the first: str"),
        ('{"a": 1, "b": {"c": 2, "c": 3}}', "has the key 'c' twice"),
    ],
)
def test_broken_content_is_named(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "demos.json"
    file.write_text(content)
    with pytest.raises(DemonstrationError, match=rf"demos\.json: .*{message}"):
        load_demonstrations(file)


def test_larger_files_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_JSON_BYTES", 1000)
    file = jsoned(tmp_path, rows(flat()))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(DemonstrationError, match=r"demos\.json: has \d+ bytes; expected at most 1000"):
        load_demonstrations(file)


@pytest.mark.parametrize(
    "head", [b"", b"[", b"{", b"text", b"[x] 1\n", b"1,2\n", b"{obs: 1}", b"\x80\x04]", b"\xff\xfe", b"[\x00\x00"]
)
def test_what_does_not_start_like_json(tmp_path: Path, head: bytes) -> None:
    assert not starts_like_json(head)
    (tmp_path / "file").write_bytes(head)
    assert not Source(tmp_path / "file").is_json


def test_other_files_have_no_json(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("obs_0,action_0\n1.5,2.5\n")
    source = Source(tmp_path / "file")
    assert (source.content, source.container) == (NOTHING, None)
    assert not Source(tmp_path).is_json


DTYPES = ["f2", "f4", "f8", "i1", "u1", "i4", "i8", "?"]
EXTRA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_of_keys_any_dtype_and_extra_keys(tmp_path: Path, data: st.DataObject) -> None:
    """What is read depends neither on the order of the keys, nor on how numbers are written, nor on other keys."""
    lengths = data.draw(st.lists(st.integers(2, 5), min_size=1, max_size=4))
    width, dtype = data.draw(st.integers(1, 3)), data.draw(st.sampled_from(DTYPES))
    names = data.draw(st.sampled_from([("obs", "action", "reward"), ("observations", "actions", "rewards")]))
    extra = data.draw(st.dictionaries(st.sampled_from(["info", "note", "x", "ü"]), EXTRA, max_size=2))
    rng, made = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))), []
    for steps in lengths:
        observations = rng.integers(0, 2, (steps + 1, width)) if dtype == "?" else rng.normal(0, 9, (steps + 1, width))
        made.append(
            [observations.astype("i1" if dtype == "u1" else dtype), rng.normal(size=(steps, 2)), rng.normal(size=steps)]
        )
    apart = data.draw(st.booleans())
    dicts: list[dict[str, Any]] = []
    for episode in made:
        if apart:
            dicts.append(dict(zip(names, episode, strict=True)))
        else:
            dicts += [
                {
                    **{name: values[t] for name, values in zip(names, episode, strict=True)},
                    "done": t == len(episode[1]) - 1,
                }
                for t in range(len(episode[1]))
            ]
    dicts = [dict(data.draw(st.permutations([*item.items(), *extra.items()]))) for item in dicts]
    file = data.draw(st.sampled_from([jsoned, json_lines]))(tmp_path, dicts)
    if len(dicts) == 1 and file.suffix == ".jsonl":
        file = jsoned(tmp_path, dicts)  # one line alone is an object
    demos = load_demonstrations(file)
    assert [len(t) for t in demos] == lengths
    for t, (observations, actions, rewards) in zip(demos, made, strict=True):
        np.testing.assert_array_equal(t.observations, observations[:-1])
        np.testing.assert_array_equal(t.actions, actions)
        np.testing.assert_array_equal(t.rewards, rewards)
        assert t.next_known.all() == apart
        if apart:
            np.testing.assert_array_equal(t.next_observations, observations[1:])
