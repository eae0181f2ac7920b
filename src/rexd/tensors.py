"""Files of tensors with a JSON description, in the safetensors format; reading one executes no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rexd.errors import RexdError
from rexd.files import atomic_path


def write_tensors(path: str | Path, what: str, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write tensors and their description to one file, atomically.

    Args:
        path: The file.
        what: The kind of the content, such as ``reward``, which is written as a mark.
        content: The description, plain JSON types.
        tensors: The tensors by name.
    """
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    kind = f"rexd-{what}"
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"format": kind, kind: json.dumps(content)})
    return Path(path)


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
    try:
        content = json.loads(metadata[kind])
    except (ValueError, RecursionError) as problem:
        raise error(f"{path}: damaged {what} description ({problem}). {remedy}") from problem
    if not isinstance(content, dict):
        raise error(f"{path}: damaged {what} description ({type(content).__name__}, not an object). {remedy}")
    return content, tensors
