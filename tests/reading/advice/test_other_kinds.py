"""Files that hold no demonstrations are named for what they are, with one next step."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saving import CONTAINERS, pickled

from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.pickles.other_classes import expected_instead
from rexd.reading.load import load_demonstrations


def refusal(path: Path) -> str:
    with pytest.raises(DemonstrationError) as caught:
        load_demonstrations(path)
    return str(caught.value).removeprefix(f"{path}: ")


def safetensors() -> bytes:
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return stream.getvalue()


def tfrecord() -> bytes:
    example = b"\n\x05" + bytes(60)
    return struct.pack("<Q", len(example)) + b"\x12\x34\x56\x78" + example + bytes(4)


@pytest.mark.parametrize(
    ("content", "found", "step"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(8), "an image (PNG)", "states and the actions"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(8), "a video (MP4)", "states and the actions"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file", "scipy.io.loadmat"),
        (safetensors(), "a safetensors file, which holds weights, no demonstrations", "rexd collect"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:" + bytes(99), "a network (ONNX), no demonstrations", "rexd collect"),
        (tfrecord(), "a file of TensorFlow records (tfrecord)", "tensorflow_datasets"),
        (zipped("data", "policy.pth", "_stable_baselines3_version"), "a saved policy of Stable-B", "rexd collect"),
        (zipped("run/a.csv", "run/b.csv"), "a zip archive of run/a.csv, run/b.csv", "Unpack it"),
    ],
)
def test_files(tmp_path: Path, content: bytes, found: str, step: str) -> None:
    file = tmp_path / "demos.npz"
    file.write_bytes(content)
    message = refusal(file)
    assert message.startswith(f"is {found}")
    assert step in message.partition("expected recorded observations and actions. ")[2]
    assert "rexd npz" not in message  # the list of formats is elsewhere


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((".zgroup",), "a zarr store"),
        (("zarr.json",), "a zarr store"),
        (("dataset_info.json", "features.json"), "a dataset of TensorFlow (RLDS)"),
        (("saved_model.pb",), "a network (TensorFlow), no demonstrations"),
        (("policy.safetensors", "config.json"), "a run folder of rexd, no demonstrations"),
    ],
)
def test_folders(tmp_path: Path, names: tuple[str, ...], found: str) -> None:
    for name in names:
        (tmp_path / name).write_text("{}")
    assert refusal(tmp_path).startswith(f"is {found}; expected recorded observations and actions. ")


def test_a_parquet_file_of_something_else(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"name": ["a", "b"]}), tmp_path / "names.parquet")
    message = refusal(tmp_path / "names.parquet")
    assert message.startswith("is a Parquet file without columns of observations and actions")
    assert "Name its columns obs_0, obs_1" in message


@pytest.mark.parametrize("container", [name for name in CONTAINERS if "json" not in name])
@pytest.mark.parametrize("nested", [False, True])
def test_the_weights_of_a_network_are_not_damaged(tmp_path: Path, container: str, nested: bool) -> None:
    torch = pytest.importorskip("torch")
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    made: Any = network.state_dict()
    if nested:
        made = {"epoch": 3, "agent": {"policy": made}}
    message = refusal(CONTAINERS[container](tmp_path, made))
    assert message.startswith("is a file of network weights, no demonstrations; expected recorded")
    assert "damaged" not in message


def test_weights_in_an_npz_and_in_hdf5(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{"layer.0.weight": np.zeros((3, 2)), "layer.0.bias": np.zeros(3)})
    assert refusal(tmp_path / "w.npz").startswith("is an npz of network weights, no demonstrations")
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.create_group("model_weights")
    assert refusal(tmp_path / "model.h5").startswith("is a file of network weights (Keras), no demonstrations")


def test_demonstrations_beside_attributes_of_their_dict_are_read(tmp_path: Path) -> None:
    made: Any = OrderedDict(observations=np.arange(12.0).reshape(6, 2), actions=np.zeros((6, 1)), dones=[0, 0, 1] * 2)
    made._metadata = {"": {"version": 1}}
    demos = load_demonstrations(pickled(tmp_path, made))
    assert demos.lengths.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stable_baselines3.common.buffers.ReplayBuffer", "rexd.to_demonstrations(model.replay_buffer)"),
        ("stable_baselines3.her.her_replay_buffer.HerReplayBuffer", "rexd.to_demonstrations(model.replay_buffer)"),
        ("torch.nn.modules.linear.Linear", "weights and no demonstrations"),
        ("pandas.core.frame.DataFrame", "table.to_csv"),
        ("os.system", "store its arrays as npz"),
    ],
)
def test_classes_of_other_libraries(tmp_path: Path, name: str, expected: str) -> None:
    assert expected in expected_instead(name)
    module, _, kind = name.rpartition(".")
    file = tmp_path / "demos.pkl"
    file.write_bytes(f"c{module}\n{kind}\n.".encode())
    with pytest.raises(UnsafeFileError, match="could execute code; it was not read") as caught:
        load_demonstrations(file)
    assert expected in str(caught.value)


def test_unknown_names_are_shown_beside_the_known_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", expert_obs=np.zeros((5, 2)), acs=np.zeros((5, 1)))
    message = refusal(tmp_path / "d.npz")
    assert message.startswith("is an npz of expert_obs (float64 of shape (5, 2)), acs (float64 of shape (5, 1)); ")
    assert "expected observations as 'observations', " in message
    assert "rename 'expert_obs' to 'observations' and 'acs' to 'actions'" in message
