"""Plain tables in Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, STEPS, assert_read, flat, trajectories

from rexd.errors import DemonstrationError
from rexd.reading.containers.source import Source
from rexd.reading.formats import parquet_table
from rexd.reading.load import load_demonstrations

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
EPISODE = np.repeat([5, 2, 9], LENGTHS)


def write(file: Path, columns: dict[str, Any]) -> Path:
    parquet.write_table(pa.table(columns), file)
    return file


def lists() -> dict[str, Any]:
    """Return one row for each step, with vectors as lists."""
    made = flat()
    return {
        "observation": list(made["observations"]),
        "action": list(made["actions"]),
        "reward": made["rewards"],
        "done": made["dones"],
        "next_observation": list(made["next_observations"]),
        "episode": EPISODE,
    }


def numbered() -> dict[str, Any]:
    """Return one row for each step, with one column for each number."""
    made = lists()
    for name in ("observation", "action", "next_observation"):
        values = np.array(made.pop(name))
        made |= {f"{name}_{column}": values[:, column] for column in range(values.shape[1])}
    return made


def episodes(*, final: bool = True) -> dict[str, Any]:
    """Return one row for each episode."""
    made = trajectories()
    states = [np.concatenate([t["observations"], t["next_observations"][-1:]]) for t in made]
    return {
        "observations": [list(s if final else s[:-1]) for s in states],
        "actions": [list(t["actions"]) for t in made],
        "rewards": [t["rewards"] for t in made],
        "terminated": [bool(t["dones"][-1]) for t in made],
        "name": ["a", "b", "c"],
    }


def golden(folder: Path) -> list[Golden]:
    made = {"lists": lists(), "numbered": numbered(), "episodes": episodes()}
    return [Golden(write(folder / f"{name}.parquet", columns), 3) for name, columns in made.items()]


def test_a_row_for_each_step_or_for_each_episode(tmp_path: Path) -> None:
    for made in golden(tmp_path):
        assert_read(load_demonstrations(made.path))


def test_episodes_without_their_final_observation(tmp_path: Path) -> None:
    demos = load_demonstrations(write(tmp_path / "file", episodes(final=False)))
    assert_read(demos, following=False)
    assert demos.notes == ("ignored 'name' of the file",)


@pytest.mark.parametrize("seed", range(3))
def test_columns_and_rows_in_any_order(tmp_path: Path, seed: int) -> None:
    rng, made = np.random.default_rng(seed), numbered() | {"step": np.concatenate([np.arange(n) for n in LENGTHS])}
    names = rng.permutation(list(made)).tolist()
    order = np.argsort(np.arange(STEPS) % 4, kind="stable")  # the rows of the episodes are mixed, each in its order
    demos = load_demonstrations(write(tmp_path / "file", {name: np.asarray(made[name])[order] for name in names}))
    assert sorted(len(t) for t in demos) == sorted(LENGTHS)
    first = next(t for t in demos if len(t) == LENGTHS[0])
    assert {tuple(row) for row in first.observations} == {tuple(row) for row in trajectories()[0]["observations"]}


def test_images_and_an_index_are_left_out(tmp_path: Path) -> None:
    made = lists()
    made = {"observation.state": made.pop("observation"), **made, "__index_level_0__": np.arange(STEPS)}
    made["observation.image"] = [b"png"] * STEPS
    del made["next_observation"]
    demos = load_demonstrations(write(tmp_path / "file", made))
    assert_read(demos, following=False)
    assert any(note.startswith("left out 'observation.image': images") for note in demos.notes)


@pytest.mark.parametrize("actions", [np.arange(STEPS) % 3, np.arange(STEPS) % 2 == 0])
def test_discrete_actions(tmp_path: Path, actions: Any) -> None:
    demos = load_demonstrations(write(tmp_path / "file", lists() | {"action": actions}))
    assert demos.n_actions == actions.max() + 1
    np.testing.assert_array_equal(np.concatenate([t.actions for t in demos]), actions)


@pytest.mark.parametrize("dtype", ["f2", "f4", "i1", "u2", "i4", "i8", "u8"])
def test_observations_of_any_dtype(tmp_path: Path, dtype: str) -> None:
    values = (np.arange(2 * STEPS).reshape(STEPS, 2) * 3).astype(dtype)
    made = {"obs_0": values[:, 0], "obs_1": values[:, 1], "action_0": np.linspace(0, 1, STEPS), "episode": EPISODE}
    demos = load_demonstrations(write(tmp_path / "file", made))
    np.testing.assert_array_equal(np.concatenate([t.observations for t in demos]), values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"episode": [str(n) for n in EPISODE]}, "'episode' is of type string; expected numbers"),
        ({"reward": [None, *np.ones(STEPS - 1)]}, "'reward' has 1 missing values"),
        ({"reward": [[1.0, 2.0]] * STEPS}, "'reward' has several numbers in a row; expected one"),
        ({"observation": [[1.0]] * 3 + [[1.0, 2.0]] * (STEPS - 3)}, "'observation' has lists of different lengths"),
        ({"observation": [[]] * STEPS}, "is of type|lists without numbers"),
        ({"observation": [[np.nan]] * STEPS, "next_observation": [[1.0]] * STEPS}, "NaN"),
        ({"action": ["left"] * STEPS}, "'action' is of type string; expected numbers"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"file\.parquet: .*({message})"):
        load_demonstrations(write(tmp_path / "file.parquet", lists() | change))


def test_faults_of_episodes_are_named(tmp_path: Path) -> None:
    made = episodes()
    made["actions"][1] = made["actions"][1][:1]
    with pytest.raises(DemonstrationError, match=r"file: trajectory \d has \d observations for \d actions"):
        load_demonstrations(write(tmp_path / "file", made))


def test_no_rows(tmp_path: Path) -> None:
    table = pa.table(lists()).slice(0, 0)
    parquet.write_table(table, tmp_path / "file")
    with pytest.raises(DemonstrationError, match="has no rows; expected at least one"):
        load_demonstrations(tmp_path / "file")


def test_a_number_of_a_column_that_is_missing(tmp_path: Path) -> None:
    made = {name: values for name, values in numbered().items() if name != "observation_1"}
    with pytest.raises(DemonstrationError, match="expected one column for each number from 0 to 2"):
        load_demonstrations(write(tmp_path / "file", made))


def test_damaged_and_other_files(tmp_path: Path) -> None:
    file = write(tmp_path / "file", lists())
    content = file.read_bytes()
    for broken in (content[:-20], content[:40], b"PAR1", b"PAR1" + bytes(30) + b"PAR1"):
        file.write_bytes(broken)
        with pytest.raises(DemonstrationError, match="file: the Parquet file is cut short or damaged"):
            load_demonstrations(file)
    assert not parquet_table.sniff(Source(write(tmp_path / "other", {"price": ["a"], "volume": [1.0]})))


def test_a_column_that_claims_more_than_the_file_holds(tmp_path: Path) -> None:
    made = {"observation_0": np.zeros(10**7 * 4, "?"), "action": np.zeros(10**7 * 4, "?")}
    parquet.write_table(pa.table(made), tmp_path / "file", row_group_size=10**8)
    with pytest.raises(DemonstrationError, match=r"file: its columns claim \d+ bytes; expected at most"):
        load_demonstrations(tmp_path / "file")
