"""Folders and text files: links to elsewhere, descriptions that exhaust memory, and Arrow that claims too much."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import Make, add

SECRET = "/etc/passwd"
_LINK = "a link to '/etc/passwd' outside of the folder, which was not opened"


def _space(kind: str, count: int) -> str:
    return json.dumps(
        {"type": kind, "dtype": "float32", "shape": [count], "low": [-1.0] * count, "high": [1.0] * count}
    )


def minari(folder: Path, storage: str = "hdf5") -> Path:
    """Write a Minari dataset of one episode."""
    data = folder / "data"
    data.mkdir(parents=True)
    content = {
        "minari_version": "0.5.2",
        "total_episodes": 1,
        "total_steps": 3,
        "data_format": storage,
        "observation_space": _space("Box", 2),
        "action_space": _space("Box", 1),
    }
    (data / "metadata.json").write_text(json.dumps(content))
    if storage == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(data / "main_data.hdf5", "w") as file:
            group = file.create_group("episode_0")
            group["observations"] = np.zeros((4, 2), np.float32)
            group["actions"], group["rewards"] = np.zeros((3, 1), np.float32), np.zeros(3)
            group["terminations"], group["truncations"] = np.zeros(3, bool), np.arange(3) == 2
    else:
        (data / "0").mkdir()
    return folder


def lerobot(folder: Path) -> Path:
    """Write a LeRobot dataset of one episode of three frames."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (folder / "meta").mkdir(parents=True)
    (folder / "data" / "chunk-000").mkdir(parents=True)
    features = {"observation.state": {"dtype": "float32", "shape": [2]}, "action": {"dtype": "float32", "shape": [1]}}
    (folder / "meta" / "info.json").write_text(json.dumps({"codebase_version": "v2.1", "features": features}))
    columns = {
        "observation.state": pa.array([[0.0, 1.0]] * 3, pa.list_(pa.float32(), 2)),
        "action": pa.array([[0.5]] * 3, pa.list_(pa.float32(), 1)),
        "episode_index": pa.array([0] * 3),
        "frame_index": pa.array(range(3)),
    }
    parquet.write_table(pa.table(columns), folder / "data" / "chunk-000" / "episode_000000.parquet")
    return folder


def hugging_face(folder: Path) -> Path:
    """Write a dataset folder of imitation with one trajectory."""
    pa = pytest.importorskip("pyarrow")
    folder.mkdir(parents=True)
    table = pa.table({"obs": [[[0.0], [1.0]]], "acts": [[[0.5]]], "terminal": [True]})
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file,
        pa.ipc.new_stream(file, table.schema) as out,
    ):
        out.write_table(table)
    (folder / "dataset_info.json").write_text(json.dumps({"features": {key: {} for key in table.column_names}}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    return folder


def csv_pair(folder: Path) -> Path:
    """Write observations and actions to two text files in one folder."""
    folder.mkdir(parents=True)
    for name in ("observations.csv", "actions.csv"):
        (folder / name).write_text("0.5,1.5\n" * 6)
    return folder


def _changed(write: Callable[[Path], Path], change: Callable[[Path], object]) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        made = write(folder / "demos")
        change(made)
        return made

    return make


def _linked(name: str, target: str = SECRET) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return change


def _linked_folder(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        moved = folder.parent.parent / "elsewhere"
        (folder / name).rename(moved)
        (folder / name).symlink_to(moved)

    return change


for _name, _write, _link in (
    ("Minari's data", minari, "data/main_data.hdf5"),
    ("Minari's metadata", minari, "data/metadata.json"),
    ("LeRobot's data", lerobot, "data/chunk-000/episode_000000.parquet"),
    ("LeRobot's description", lerobot, "meta/info.json"),
    ("Hugging Face's data", hugging_face, "data-00000-of-00001.arrow"),
    ("Hugging Face's state", hugging_face, "state.json"),
    ("Hugging Face's description", hugging_face, "dataset_info.json"),
):
    add(f"link to /etc/passwd as {_name}", _changed(_write, _linked(_link)), _LINK, unsafe=True)
add("link to /etc/passwd in a pair of tables", _changed(csv_pair, _linked("actions.csv")), _LINK, unsafe=True)


def episodes(folder: Path) -> Path:
    """Write a folder of one file for each episode."""
    folder.mkdir(parents=True)
    for number in range(3):
        np.savez(folder / f"ep_{number}.npz", obs=np.zeros((4, 2)), acts=np.zeros((3, 1)))
    return folder


add("link to /etc/passwd in a folder of episodes", _changed(episodes, _linked("ep_1.npz")), _LINK, unsafe=True)
add(
    "a pickle that calls in a folder of episodes",
    _changed(episodes, lambda folder: (folder / "README").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")),
    "posix.system",
    unsafe=True,
)
add(
    "LeRobot's chunk is a linked folder",
    _changed(lerobot, _linked_folder("data/chunk-000")),
    "outside of the folder, which was not opened",
    unsafe=True,
)


def _arrow_episode(folder: Path) -> None:
    (folder / "data" / "0" / "data.arrow").symlink_to(SECRET)


add(
    "link to /etc/passwd as an episode of Minari",
    _changed(lambda folder: minari(folder, "arrow"), _arrow_episode),
    _LINK,
    unsafe=True,
)


def _names_file(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))


for _name in ("../../outside.arrow", SECRET, ".."):
    add(
        f"Hugging Face's state names {_name}",
        _changed(hugging_face, _names_file(_name)),
        "outside of the folder, which was not opened",
        unsafe=True,
    )


# Descriptions that exhaust the reader.


def _description(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "data" / "metadata.json").write_text(text)


def _with(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / "data" / "metadata.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def _large_description(folder: Path) -> None:
    with (folder / "data" / "metadata.json").open("w") as file:
        file.truncate(2**30)  # holes on the disk, zeros to the reader
        file.write("{")


_DEEP_SPACE = '{"type": "Tuple", "subspaces": [' * 3000 + _space("Box", 1) + "]}" * 3000
for _name, _change in (
    ("nested a million deep", _description("[" * 10**6)),
    ("nested in objects", _description('{"a":' * 10**5 + "1" + "}" * 10**5)),
    ("a number of a million digits", _description('{"minari_version": ' + "9" * 10**6 + "}")),
    ("a gigabyte", _large_description),
    ("a space of a billion columns", _with(observation_space=_space("Box", 1).replace("[1]", "[1000000000]"))),
    (
        "a space for each of a billion values",
        _with(observation_space='{"type": "Discrete", "start": 0, "n": 1000000000}'),
    ),
    ("a space nested 3000 deep", _with(observation_space=_DEEP_SPACE)),
    ("a storage that is a module", _with(data_format="os.system")),
):
    add(f"Minari's description: {_name}", _changed(minari, _change), "demos", unsafe=False)


# Arrow and Parquet.


def _claiming_parquet(folder: Path) -> None:
    """Write eight million equal rows, which dictionaries and run-length encoding compress to a few kB."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = 10**6
    state = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * rows, np.float32)), 2)
    action = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(rows, np.float32)), 1)
    index = pa.array(np.zeros(rows, np.int64))
    table = pa.table([state, action, index, index], ["observation.state", "action", "episode_index", "frame_index"])
    file = folder / "data" / "chunk-000" / "episode_000000.parquet"
    with parquet.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for _ in range(8):
            writer.write_table(table)


def _compressed_arrow(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"obs": [[[0.0]] * 1000], "acts": [[[0.5]]], "terminal": [True]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    file = str(folder / "data-00000-of-00001.arrow")
    with pa.OSFile(file, "wb") as opened, pa.ipc.new_stream(opened, table.schema, options=options) as out:
        out.write_table(table)


def _endless_lists(folder: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    claims = pa.Array.from_buffers(pa.list_(pa.float32(), 0), 2**31 - 1, [None], children=[pa.array([], pa.float32())])
    offsets = pa.array([0, 2**31 - 1], pa.int32()).buffers()[1]
    lists = pa.Array.from_buffers(pa.list_(claims.type), 1, [None, offsets], children=[claims])
    table = pa.table({"obs": lists, "acts": lists, "terminal": [True]})
    file = str(folder / "data-00000-of-00001.arrow")
    with pa.OSFile(file, "wb") as opened, pa.ipc.new_stream(opened, table.schema) as out:
        out.write_table(table)


def _pickled_infos(folder: Path) -> None:
    """Write a pickle as text, as imitation's infos are, in the column of observations."""
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"obs": ["cos\nsystem\n(S'true'\ntR."], "acts": [[[0.5]]], "terminal": [True]})
    file = str(folder / "data-00000-of-00001.arrow")
    with pa.OSFile(file, "wb") as opened, pa.ipc.new_stream(opened, table.schema) as out:
        out.write_table(table)


add(
    "parquet that claims far more than it holds",
    _changed(lerobot, _claiming_parquet),
    r"claim \d+ bytes; expected at most",
    unsafe=False,
)
add(
    "arrow that is compressed",
    _changed(hugging_face, _compressed_arrow),
    "is compressed or dictionary-encoded",
    unsafe=False,
)
add("arrow of endless empty lists", _changed(hugging_face, _endless_lists), "data-00000-of-00001", unsafe=False)
add(
    "arrow with a pickle as its observations",
    _changed(hugging_face, _pickled_infos),
    "data-00000-of-00001",
    unsafe=False,
)


# Text.


def _text(content: str) -> Make:
    def make(folder: Path, mark: Path) -> Path:
        (folder / "demos.csv").write_text(content)
        return folder / "demos.csv"

    return make


for _name, _content in (
    ("a line of a million columns", "obs_0,action_0," + ",".join(f"obs_{n}" for n in range(10**6)) + "\n1,2\n"),
    ("a quote that never ends", 'obs_0,action_0\n"' + "1" * 10**6),
    ("a number of a million digits", "obs_0,action_0\n" + "9" * 10**6 + ",1\n"),
    ("formulas", "obs_0,action_0\n=cmd|'/c calc'!A1,1\n"),
    ("numbers beyond every range", "obs_0,action_0,episode\n1e99999,1,0\n2,3,0\n"),
):
    add(f"csv: {_name}", _text(_content), r"demos\.csv: ", unsafe=False)
