"""The manifest of a relabelled dataset: what it was made of, its shards and files with their hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rexd.errors import RexdError
from rexd.files import write_json

FORMAT, VERSION = "rexd.relabel", 2
NAME = "manifest.json"
_HASH = "manifest_sha256"  # of all else in the manifest, so that no flipped bit is taken for another number
_MOST_BYTES = 256 * 1024**2


@dataclass
class Manifest:
    """What is known of a relabelling, also while it is under way.

    Attributes:
        origin: What the copy is made of, which the same command finds again: the layout, the number of rows and
            episodes and the bytes of the dataset, the hash of the reward and the rows of a shard.
        source: The name of the dataset, for people.
        reward: The name of the reward's file, for people.
        shards: By number: the hash of its rewards, and how many of its rows lack a next observation.
        files: By name: the bytes and the hash of each file of the copy, and the rows of those that have rows.
        complete: Whether the copy is complete.
    """

    origin: dict[str, Any]
    source: str
    reward: str
    shards: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    complete: bool = False

    def save(self, path: Path) -> None:
        """Write the manifest, atomically, with a hash of itself.

        The same work gives the same bytes, in whatever order it was done.
        """
        content = {
            "format": FORMAT,
            "version": VERSION,
            "complete": self.complete,
            "source": self.source,
            "reward": self.reward,
            **self.origin,
            "rows_without_next_observation": sum(shard["without_next"] for shard in self.shards.values()),
            "shards": {str(number): self.shards[number] for number in sorted(self.shards)},
            "files": {name: self.files[name] for name in sorted(self.files)},
        }
        write_json(path, {**content, _HASH: _hash(content)})


def read_manifest(path: Path, begun: Manifest) -> Manifest | None:
    """Return what an earlier run of the same command has done; None if there was none.

    Args:
        path: The manifest.
        begun: The manifest of this run.

    Raises:
        RexdError: The manifest is damaged, or belongs to other work.
    """
    if not path.is_file():
        return None
    remedy = "Remove it and the unfinished copy, or name another output"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        content = json.loads(path.read_text("utf-8"))
        if (content["format"], content["version"]) != (FORMAT, VERSION):
            raise ValueError("another format or version")
        if content.pop(_HASH) != _hash(content):
            raise ValueError("it is not as it was written")
        found = {name: content[name] for name in begun.origin}
        shards = {int(number): dict(shard) for number, shard in content["shards"].items()}
        files = {str(name): dict(file) for name, file in content["files"].items()}
        for number, shard in shards.items():
            _ = str(shard["sha256"]) + "", int(shard["without_next"]), number
        for file in files.values():
            _ = str(file["sha256"]), int(file["bytes"])
        complete = content["complete"] is True
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OSError) as error:
        raise RexdError(f"{path}: is no manifest of rexd relabel ({str(error)[:200]}). {remedy}") from error
    if differs := [name for name in begun.origin if found[name] != begun.origin[name]]:
        raise RexdError(
            f"{path}: the copy there was made of something else (its {', '.join(differs)} differ); expected the same "
            f"reward and dataset. {remedy}"
        )
    return Manifest(begun.origin, begun.source, begun.reward, shards, files, complete)


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, which is read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
