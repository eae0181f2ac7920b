"""Files of tensors with a JSON description, in the safetensors format; reading one executes no code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rexd.errors import RexdError
from rexd.files import atomic_path, parse_json

DIGEST = "sha256"  # the entry of a description that holds the hash of all others and of the tensors


def write_tensors(path: str | Path, what: str, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write tensors and their description to one file, atomically.

    Args:
        path: The file.
        what: The kind of the content, such as ``reward``, which is written as a mark.
        content: The description, plain JSON types.
        tensors: The tensors by name.
    """
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    described = {**content, DIGEST: content_hash(content, _arrays(contiguous))}
    with atomic_path(path) as temporary:
        # one entry of metadata, since safetensors writes several in any order
        save_file(contiguous, temporary, metadata={f"rexd-{what}": json.dumps(described)})
    return Path(path)


def content_hash(content: Mapping[str, Any], arrays: Iterable[tuple[str, NDArray[Any]]]) -> str:
    """Return a hash of a description and of arrays by their names, which tells a bit that was flipped on a disk.

    Args:
        content: The description, plain JSON types.
        arrays: The name and the array of each tensor, in any order.
    """
    found = hashlib.sha256(json.dumps(json.loads(json.dumps(content)), sort_keys=True).encode())
    for name, array in sorted(arrays, key=lambda item: item[0]):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def check_hash(
    path: Path, content: dict[str, Any], arrays: Iterable[tuple[str, NDArray[Any]]], error: type[RexdError], remedy: str
) -> None:
    """Take the hash out of a description, and compare it; files of earlier versions have none.

    Args:
        path: The file, for the message.
        content: The description, as it was read.
        arrays: The name and the array of each tensor.
        error: The class of the error for a file that has changed.
        remedy: The last sentence of that error's message: what the user can do.
    """
    wanted = content.pop(DIGEST, None)
    if wanted is not None and wanted != content_hash(content, arrays):
        raise error(
            f"{path}: its content is not what was written, since the hash in it ({DIGEST}) is of something else; "
            f"it was damaged on its way, or changed. {remedy}"
        )


def _arrays(tensors: Mapping[str, Tensor]) -> Iterable[tuple[str, NDArray[Any]]]:
    return ((name, tensor.numpy()) for name, tensor in tensors.items())


def read_tensors(
    path: Path, what: str, error: type[RexdError], remedy: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the description and the tensors that ``write_tensors`` wrote.

    Args:
        path: An existing file.
        what: The kind that the file must be marked with.
        error: The class of the error for a file that is cut short, damaged or of another kind.
        remedy: The last sentence of that error's message: what the user can do.
    """
    kind = f"rexd-{what}"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as problem:
        raise error(
            f"{path}: not a readable safetensors file ({problem}); it may have been cut short. {remedy}"
        ) from problem
    if kind not in metadata:
        raise error(f"{path}: a safetensors file, but not a rexd {what} (no {kind!r} in its metadata). {remedy}")
    content = parse_json(metadata[kind], f"{path}: damaged {what} description", error, remedy)
    check_hash(path, content, _arrays(tensors), error, remedy)
    return content, tensors
