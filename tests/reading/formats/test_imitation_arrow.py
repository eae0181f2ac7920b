"""The Hugging Face dataset folders that imitation writes."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import Golden
from recorded import assert_read, trajectories
from stress import damaged

from rexd.errors import DemonstrationError, MissingExtraError, RexdError, UnsafeFileError
from rexd.reading.containers.source import Source
from rexd.reading.formats import imitation_arrow
from rexd.reading.load import load_demonstrations


def columns() -> dict[str, Any]:
    made = trajectories()
    return {
        "obs": [np.concatenate([t["observations"], t["next_observations"][-1:]]).tolist() for t in made],
        "acts": [t["actions"].tolist() for t in made],
        "infos": [["{}"] * len(t["actions"]) for t in made],
        "terminal": [bool(t["dones"][-1]) for t in made],
        "rews": [t["rewards"].tolist() for t in made],
    }


def kinds() -> dict[str, Any]:
    pa = pytest.importorskip("pyarrow")
    return {
        "obs": pa.list_(pa.list_(pa.float64())),
        "acts": pa.list_(pa.list_(pa.float32())),
        "infos": pa.list_(pa.string()),
        "terminal": pa.bool_(),
        "rews": pa.list_(pa.float64()),
    }


def write(folder: Path, content: dict[str, Any], types: Any = None, **options: Any) -> Path:
    """Write a folder as ``datasets.save_to_disk`` does: two Arrow streams, the first of two batches."""
    pa = pytest.importorskip("pyarrow")
    folder.mkdir(parents=True)
    types = kinds() | (types or {})
    table = pa.table({name: pa.array(rows, type=types.get(name)) for name, rows in content.items()})
    names = [f"data-0000{number}-of-00002.arrow" for number in range(2)]
    for name, part in zip(names, (table.slice(0, 2), table.slice(2)), strict=True):
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema, **options) as stream:
            stream.write_table(part, max_chunksize=1)
    features = {name: {"_type": "Sequence"} for name in content}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def golden(folder: Path) -> list[Golden]:
    plain = {name: rows for name, rows in columns().items() if name != "rews"}
    write(folder / "splits" / "train", columns())
    (folder / "splits" / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    return [
        Golden(write(folder / "with_rewards", columns()), 3),
        Golden(write(folder / "plain", plain), 3),
        Golden(folder / "splits", 3),
    ]


def test_trajectories_are_read(tmp_path: Path) -> None:
    for item, rewards in zip(golden(tmp_path), (True, False, True), strict=True):
        demos = load_demonstrations(item.path)
        assert_read(demos, rewards=rewards)
        assert demos.trajectories[0].actions.dtype == np.float32
        assert demos.notes[0].startswith("ignored 'infos'")


def test_discrete_actions(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    made = columns() | {"acts": [list(range(len(rows))) for rows in columns()["acts"]]}
    demos = load_demonstrations(write(tmp_path / "walk", made, {"acts": pa.list_(pa.int64())}))
    assert demos.n_actions == 5
    assert demos.trajectories[0].actions.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "types", "message"),
    [
        ({"obs": [[[1.0], [2.0, 3.0]]] * 3}, {}, "'obs' has lists of different lengths"),
        ({"obs": [None] * 3}, {}, "'obs' is of type list.* expected a list for each row"),
        ({"acts": ["a"] * 3}, {"acts": None}, "'acts' is of type string; expected a list"),
        ({"acts": [[[1.0]]] * 3}, {}, r"trajectory 0 has 5 observations for 1 actions"),
        ({"terminal": [0.5] * 3}, {"terminal": None}, "'terminal' has dtype float64"),
        ({"terminal": [None] * 3}, {}, "'terminal' has 1 missing values"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], types: Any, message: str) -> None:
    with pytest.raises(DemonstrationError, match=rf"walk.*{message}"):
        load_demonstrations(write(tmp_path / "walk", columns() | change, types))


def test_lists_that_stand_for_any_number_of_rows(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    folder = write(tmp_path / "walk", columns())
    claims = pa.Array.from_buffers(pa.list_(pa.float32(), 0), 10**12, [None], children=[pa.array([], pa.float32())])
    obs = pa.Array.from_buffers(
        pa.list_(pa.list_(pa.float32(), 0)),
        1,
        [None, pa.py_buffer(np.array([0, 2**31 - 1], np.int32))],
        children=[claims],
    )
    table = pa.table({"obs": obs, "acts": obs, "terminal": [True]})
    file = str(folder / "data-00000-of-00002.arrow")
    with pa.OSFile(file, "wb") as opened, pa.ipc.new_stream(opened, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(DemonstrationError, match="data-00000-of-00002"):
        load_demonstrations(folder)


def test_compressed_and_dictionary_encoded_are_refused(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    folder = write(tmp_path / "walk", columns(), options=pa.ipc.IpcWriteOptions(compression="zstd"))
    with pytest.raises(DemonstrationError, match=r"data-00000-of-00002\.arrow: is compressed or dictionary-encoded"):
        load_demonstrations(folder)
    encoded = {"rews": pa.dictionary(pa.int8(), pa.string())}
    folder = write(tmp_path / "encoded", columns() | {"rews": ["a", "b", "c"]}, encoded)
    with pytest.raises(DemonstrationError, match=r"data-00000-of-00002\.arrow: is compressed or dictionary-encoded"):
        load_demonstrations(folder)


def test_files_outside_of_the_folder_are_not_opened(tmp_path: Path) -> None:
    folder = write(tmp_path / "walk", columns())
    for name in ("../secret.arrow", "/etc/passwd", "..", "a/b"):
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
        with pytest.raises(UnsafeFileError, match="outside of the folder, which was not opened"):
            load_demonstrations(folder)
    for content in ("{", "[]", "{}", '{"_data_files": [3]}', '{"_data_files": []}', '{"_data_files": 5}'):
        (folder / "state.json").write_text(content)
        with pytest.raises(DemonstrationError, match=r"state\.json"):
            load_demonstrations(folder)


def test_damage(tmp_path: Path) -> None:
    folder = write(tmp_path / "walk", columns())
    file = folder / "data-00000-of-00002.arrow"
    for content in damaged(file.read_bytes(), 200):
        file.write_bytes(content)
        with suppress(RexdError):
            load_demonstrations(folder)


def test_other_folders_are_left_to_others(tmp_path: Path) -> None:
    assert not imitation_arrow.sniff(Source(tmp_path))
    folder = write(tmp_path / "walk", columns())
    (folder / "dataset_info.json").write_text('{"features": {"text": {}}}')
    assert not imitation_arrow.sniff(Source(folder))
    for splits in ('{"splits": ["../walk"]}', '{"splits": 3}', '{"splits": []}', '{"splits": [".."]}'):
        (folder / "dataset_dict.json").write_text(splits)
        assert not imitation_arrow.sniff(Source(folder))


def test_without_pyarrow_the_install_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "dataset_info.json").write_text('{"features": {"obs": 1, "acts": 1, "terminal": 1}}')
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    with pytest.raises(MissingExtraError, match=r"pip install 'rexd\[arrow\]'"):
        load_demonstrations(tmp_path)
