"""What a file or folder without demonstrations is, told by its first bytes or its names, and the one next step.

No format recognised it: a kind that rexd reads in some layout, such as Parquet, is here in another layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from rexd.reading.containers.source import NOTHING, Source

_COLLECT = "Name a file of recorded steps; rexd collect records them from a policy"
_ARRAYS = "numpy.savez(file, observations=..., actions=..., dones=...)"
_PICTURES = "Name a file of the states and the actions; rexd does not learn from pictures"
_COLUMNS = "Name its columns obs_0, obs_1, ..., action_0, ..., and done or episode"
_EXPORT = "Export one row for each step as CSV with a header: obs_0, ..., action_0, ..., done"
_UNPACK = "Unpack it, and name the file with the demonstrations"
_TFDS = "Read it with tensorflow_datasets, and build rexd.Trajectory.from_steps(observations, actions) for each episode"

_HEADS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"PAR1", "a Parquet file without columns of observations and actions under known names", _COLUMNS),
    (0, b"ARROW1", "an Arrow file without columns of observations and actions under known names", _COLUMNS),
    (0, b"\x89PNG", "an image (PNG)", _PICTURES),
    (0, b"\xff\xd8\xff", "an image (JPEG)", _PICTURES),
    (0, b"GIF8", "an image (GIF)", _PICTURES),
    (8, b"WEBP", "an image (WebP)", _PICTURES),
    (8, b"AVI ", "a video (AVI)", _PICTURES),
    (4, b"ftyp", "a video (MP4)", _PICTURES),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", _PICTURES),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file", f"Load it with scipy.io.loadmat, and save the arrays with {_ARRAYS}"),
    (0, b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (0, b"#ROSBAG V", "a ROS bag", _EXPORT),
    (0, b"\x89MCAP0", "an MCAP log", _EXPORT),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"%PDF", "a PDF document", "Name a file of recorded steps"),
)
_ZARR = (".zgroup", ".zarray", ".zmetadata", "zarr.json")
_KERAS = {"model_weights", "layer_names", "optimizer_weights", "top_level_model_weights"}
_ONNX = re.compile(rb"\x08[\x01-\x20]\x12[\x02-\x28](pytorch|tf2onnx|skl2onnx|onnx|keras|jax|paddle|torch)", re.I)
_WEIGHTS = re.compile(r"(^|[._/:])(weight|bias|kernel|running_mean|exp_avg|log_std)(_\w+)?(:0)?$")
_DEEP = 3  # how deep checkpoints nest their weights
_SHOWN = 8


def other_kind(source: Source) -> tuple[str, str] | None:
    """Return what a source is and the next step; None if it is nothing that is known.

    Raises:
        DemonstrationError: The source is a damaged file of a container that rexd reads.
    """
    if source.is_folder:
        return _folder(source)
    if source.content is not NOTHING:
        return _weights("a file of network weights") if _holds_weights(source.content) else None
    if source.zip_members:
        return _zip(source.zip_members)
    if source.is_hdf5:
        return _weights("a file of network weights (Keras)") if _KERAS & set(source.hdf5_keys) else None
    return _told_by_head(source)


def _told_by_head(source: Source) -> tuple[str, str] | None:
    head = source.head
    for place, start, what, step in _HEADS:
        if head[place : place + len(start)] == start:
            return what, step
    claimed = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 0 < claimed < source.size:
        return _weights("a safetensors file, which holds weights")
    if _ONNX.match(head):
        return _weights("a network (ONNX)")
    if head[12:13] == b"\n" and 0 < claimed <= source.size - 16:  # length, checksum, and the first field of an Example
        return "a file of TensorFlow records (tfrecord)", _TFDS
    return None


def _weights(what: str) -> tuple[str, str]:
    return f"{what}, no demonstrations", _COLLECT


def _zip(members: tuple[str, ...]) -> tuple[str, str] | None:
    names = set(members)
    if "_stable_baselines3_version" in names or names >= {"data", "policy.pth"}:
        return (
            "a saved policy of Stable-Baselines3, no demonstrations",
            "Record what it does: rexd collect --policy FILE --env ID --trust",
        )
    arrays = [name.removesuffix(".npy") for name in members if name.endswith(".npy")]
    if not arrays:
        return f"a zip archive of {', '.join(members[:_SHOWN])}{' and more' if len(members) > _SHOWN else ''}", _UNPACK
    return _weights("an npz of network weights") if any(map(_WEIGHTS.search, arrays)) else None


def _folder(source: Source) -> tuple[str, str] | None:
    def has(name: str) -> bool:
        return (source.path / name).exists()

    if any(map(has, _ZARR)):
        return "a zarr store", f"Open it with zarr.open, and save its arrays with {_ARRAYS}"
    if has("dataset_info.json") and has("features.json"):
        return "a dataset of TensorFlow (RLDS)", _TFDS
    if has("saved_model.pb"):
        return _weights("a network (TensorFlow)")
    if has("policy.safetensors"):
        return "a run folder of rexd, no demonstrations", "Record what its policy does: rexd collect --policy FOLDER"
    return None


def _holds_weights(content: Any, deep: int = _DEEP) -> bool:
    """Whether a dict, or one within it, holds arrays under the names of a network's parameters."""
    if not isinstance(content, Mapping):
        return False
    return any(
        (isinstance(value, np.ndarray) and isinstance(key, str) and _WEIGHTS.search(key) is not None)
        or (deep > 0 and _holds_weights(value, deep - 1))
        for key, value in content.items()
    )
