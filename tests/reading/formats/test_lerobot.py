"""LeRobot's folders of Parquet files."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import LENGTHS, STEPS, assert_read, flat
from stress import damaged

from rexd.errors import DemonstrationError, RexdError
from rexd.reading.containers.arrow import as_numbers, columns_of, read_parquet
from rexd.reading.containers.parquet import claimed_bytes
from rexd.reading.containers.source import Source
from rexd.reading.formats import lerobot
from rexd.reading.load import load_demonstrations

LAST = np.cumsum(LENGTHS) - 1
FEATURES = {
    "observation.state": {"dtype": "float64", "shape": [2], "names": ["a", "b"]},
    "observation.environment_state": {"dtype": "float64", "shape": [1]},
    "observation.images.top": {"dtype": "video", "shape": [4, 4, 3]},
    "action": {"dtype": "float32", "shape": [2]},
    "next.reward": {"dtype": "float32", "shape": [1]},
    "next.done": {"dtype": "bool", "shape": [1]},
    "episode_index": {"dtype": "int64", "shape": [1]},
    "frame_index": {"dtype": "int64", "shape": [1]},
}


def columns() -> dict[str, Any]:
    """Return the features of all frames, as pyarrow arrays."""
    pa = pytest.importorskip("pyarrow")
    made = flat()

    def lists(rows: Any, *, fixed: bool = False) -> Any:
        kind = pa.list_(pa.from_numpy_dtype(rows.dtype), *([rows.shape[1]] if fixed else []))
        return pa.array(list(rows), type=kind)

    return {
        "observation.state": lists(made["observations"][:, 1:], fixed=True),
        "observation.environment_state": lists(made["observations"][:, :1]),
        "action": lists(made["actions"]),
        "timestamp": np.arange(STEPS) / 10,
        "frame_index": np.concatenate([np.arange(n) for n in LENGTHS]),
        "episode_index": np.repeat(np.arange(3), LENGTHS),
        "next.reward": made["rewards"],
        "next.done": made["dones"],
    }


def write(folder: Path, version: str, changes: dict[str, Any] | None = None, info: Any = None) -> Path:
    """Write a dataset: version 2 has one file for each episode, version 3 has files of several episodes."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    content = columns() | (changes or {})
    table = pa.table({name: value for name, value in content.items() if value is not None})
    data = folder / "data" / "chunk-000"
    data.mkdir(parents=True)
    if version.startswith("v2"):
        for number, stop in enumerate(np.cumsum(LENGTHS)):
            parquet.write_table(
                table.slice(stop - LENGTHS[number], LENGTHS[number]), data / f"episode_{number:06}.parquet"
            )
    else:
        parquet.write_table(table.slice(0, 5), data / "file-000.parquet")  # an episode may go on in the next file
        parquet.write_table(table.slice(5), data / "file-001.parquet")
    (folder / "meta").mkdir()
    described = {"codebase_version": version, "total_episodes": 3, "features": FEATURES} | (info or {})
    (folder / "meta" / "info.json").write_text(json.dumps(described))
    return folder


def golden(folder: Path) -> list[Golden]:
    return [Golden(write(folder / version, version), 3) for version in ("v2.0", "v2.1", "v3.0")]


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_frames_are_read(tmp_path: Path, version: str) -> None:
    demos = load_demonstrations(write(tmp_path, version))
    assert_read(demos, following=False)
    assert demos.notes == (
        "observation columns are 'observation.environment_state' 0:1, 'observation.state' 1:3",
        "left out 'observation.images.top': images, videos and other columns without one row of numbers",
    )


def test_the_order_of_the_rows_says_nothing(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    order = np.random.default_rng(0).permutation(STEPS)
    shuffled = {
        name: value.take(pa.array(order))
        if hasattr(value, "take") and not isinstance(value, np.ndarray)
        else value[order]
        for name, value in columns().items()
    }
    assert_read(load_demonstrations(write(tmp_path, "v3.0", shuffled)), following=False)


def test_only_what_is_recorded(tmp_path: Path) -> None:
    demos = load_demonstrations(write(tmp_path, "v3.0", {"next.reward": None, "next.done": None}))
    assert_read(demos, ends=False, following=False, rewards=False)


def test_terminated_and_truncated(tmp_path: Path) -> None:
    ends = np.isin(np.arange(STEPS), LAST)
    terminated = ends & flat()["dones"]
    changes = {"next.terminated": terminated, "next.truncated": ends & ~terminated, "next.done": ends}
    assert_read(load_demonstrations(write(tmp_path, "v3.0", changes)), following=False)


def test_done_before_the_end(tmp_path: Path) -> None:
    done = flat()["dones"]
    done[LENGTHS[0] - 2] = True
    demos = load_demonstrations(write(tmp_path, "v3.0", {"next.done": done}))
    assert_read(demos, following=False)
    assert demos.notes[-1] == "1 frames before the last of their episode are marked as done: the episode goes on"


@pytest.mark.parametrize(
    ("changes", "info", "message"),
    [
        ({}, {"codebase_version": "v1.6"}, "version v1.6; expected v2 or v3"),
        ({}, {"features": {"action": {"dtype": "float32", "shape": [2]}}}, "no low-dimensional observations"),
        ({}, {"total_episodes": 4}, "has 3 episodes; expected 4"),
        ({"action": None}, {}, "has no column 'action'"),
        ({"frame_index": np.arange(STEPS) * 2}, {}, r"episode 0 has frames \[0 2 4 6\] to 6, of which some"),
        ({"episode_index": np.arange(STEPS) / 2}, {}, "'episode_index' has dtype float64; expected whole numbers"),
        ({"next.done": np.full(STEPS, 3)}, {}, "hold numbers other than 0 and 1"),
        ({"action": ["text"] * STEPS}, {}, "'action' is of type string; expected numbers"),
        ({"action": [[1.0, None]] * STEPS}, {}, "'action' has 4 missing values"),
        ({"action": [[1.0]] + [[1.0, 2.0]] * (STEPS - 1)}, {}, "'action' has lists of different lengths"),
        ({"action": [[]] * STEPS}, {}, "'action' has lists without numbers"),
    ],
)
def test_faults_are_named(tmp_path: Path, changes: dict[str, Any], info: Any, message: str) -> None:
    if isinstance(changes.get("action"), list):
        pa = pytest.importorskip("pyarrow")
        kind = pa.string() if changes["action"][0] == "text" else pa.list_(pa.float32())
        changes = {"action": pa.array(changes["action"], type=kind)}
    folder = write(tmp_path / "walk", "v2.1", changes, info)
    with pytest.raises(DemonstrationError, match=rf"walk.*{message}"):
        load_demonstrations(folder)


def test_claims_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, "v3.0")
    file = folder / "data" / "chunk-000" / "file-001.parquet"
    monkeypatch.setattr("rexd.reading.containers.npz.FREE_BYTES", 100)
    monkeypatch.setattr("rexd.reading.containers.arrow._EXPANSION", 0)
    with pytest.raises(DemonstrationError, match=r"its columns claim \d+ bytes; expected at most 100"):
        load_demonstrations(folder)
    file.unlink()
    (folder / "data" / "chunk-000" / "file-000.parquet").unlink()
    with pytest.raises(DemonstrationError, match=r"has no data/chunk-\*/\*\.parquet"):
        load_demonstrations(folder)


def test_pages_that_unpack_to_more_than_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = 2**22  # of one value: a few bytes, run-length encoded
    table = pa.table({"a": np.zeros(rows), "b": np.zeros(rows, np.int64)})
    parquet.write_table(table, tmp_path / "file", compression="zstd")
    monkeypatch.setattr("rexd.reading.containers.npz.FREE_BYTES", 2**20)
    with pytest.raises(DemonstrationError, match=r"its columns claim 3\d{7} bytes; expected at most 1048576"):
        read_parquet(tmp_path / "file", ["a"])
    assert (tmp_path / "file").stat().st_size < 50_000
    parquet.write_table(table.slice(0, 1000), tmp_path / "file")
    assert read_parquet(tmp_path / "file", ["a"]).num_rows == 1000


@pytest.mark.parametrize("version", ["1.0", "2.6"])
@pytest.mark.parametrize("page", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_honest_files_are_not_refused(tmp_path: Path, version: str, page: str, compression: str) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    made = np.random.default_rng(0).normal(size=(5000, 3))
    table = pa.table({"a": list(made), "b": np.arange(5000) // 100, "text": ["x"] * 5000})
    options: Any = {"version": version, "data_page_version": page, "compression": compression}
    parquet.write_table(table, tmp_path / "file", row_group_size=700, data_page_size=2000, **options)
    columns = columns_of(tmp_path / "file", read_parquet(tmp_path / "file", ["a", "b"]), ["a", "b", "text"])
    assert list(columns) == ["a", "b"]
    np.testing.assert_array_equal(as_numbers("file", "a", columns["a"]), made)
    content = (tmp_path / "file").read_bytes()
    assert 5000 * 5 * 8 < claimed_bytes(content, ["a", "b"]) < 5000 * 8 * 8 * 2


def test_damage(tmp_path: Path) -> None:
    folder = write(tmp_path, "v3.0")
    file = folder / "data" / "chunk-000" / "file-001.parquet"
    for content in damaged(file.read_bytes(), 100):
        file.write_bytes(content)
        with suppress(RexdError):
            load_demonstrations(folder)
    for text in ("{", "[]", "{}"):
        (folder / "meta" / "info.json").write_text(text)
        assert not lerobot.sniff(Source(folder))
