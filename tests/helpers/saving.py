"""Functions that write one object to each kind of file that can hold it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def write_hdf5(file: Path, content: dict[str, Any]) -> Path:
    """Write arrays by name, compressed as recorders do; the test is skipped if h5py is missing."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(file, "w") as opened:
        for key, value in content.items():
            opened.create_dataset(key, data=value, compression="gzip" if np.ndim(value) else None)
    return file


def pickled(folder: Path, content: Any) -> Path:
    file = folder / "demos.pkl"
    file.write_bytes(pickle.dumps(content))
    return file


def _torch(folder: Path, content: Any, new: bool) -> Path:
    import torch

    file = folder / f"demos-{'zip' if new else 'legacy'}.pt"
    torch.save(content, file, _use_new_zipfile_serialization=new)
    return file


def npy(folder: Path, content: Any) -> Path:
    file = folder / "demos.npy"
    if isinstance(content, list):
        array = np.empty(len(content), object)
        array[:] = content
        content = array
    np.save(file, content, allow_pickle=True)
    return file


def plain(value: Any) -> Any:
    """Return arrays, tuples and numbers of numpy as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else value


def jsoned(folder: Path, content: Any) -> Path:
    file = folder / "demos.json"
    file.write_text(json.dumps(plain(content)), encoding="utf-8")
    return file


def json_lines(folder: Path, content: Any) -> Path:
    file = folder / "demos.jsonl"
    lines = plain(content) if isinstance(content, list) else [plain(content)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


CONTAINERS: dict[str, Callable[[Path, Any], Path]] = {
    "pickle": pickled,
    "torch": lambda folder, content: _torch(folder, content, True),
    "legacy torch": lambda folder, content: _torch(folder, content, False),
    "npy": npy,
    "json": jsoned,
    "json lines": json_lines,
}
