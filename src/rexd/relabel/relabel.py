"""Relabelling: a copy of an offline dataset with the learnt reward, in shards that survive being killed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rexd.cluster import cores, joined
from rexd.errors import RexdError
from rexd.files import atomic_path
from rexd.locks import locked
from rexd.progress import Progress
from rexd.relabel.datasets.dataset import Dataset, OutputFile
from rexd.relabel.datasets.open import open_dataset
from rexd.relabel.engines import Engine, Place, RayTasks, Threads
from rexd.relabel.manifest import NAME, Manifest, hash_of, read_manifest
from rexd.relabel.shards import SHARD_ROWS, RewardParts, count_shards, read_rows, score, span_of
from rexd.reward.base import RewardModel, predict_at
from rexd.reward.files import load_reward
from rexd.reward.rows import Rows

SAVE_EVERY = 1.0  # seconds between two states of the manifest; what was done since the last is done again after a kill


@dataclass(frozen=True)
class Relabelled:
    """What relabelling has made.

    Attributes:
        out: The copy.
        manifest: The path of its manifest.
        layout: The name of the dataset's layout.
        rows: The number of transitions.
        episodes: The number of episodes.
        shards: The number of shards.
        resumed: How many of them an earlier run had done.
        without_next: How many rows lack a next observation.
        notes: What was found in the dataset, for the user.
    """

    out: Path
    manifest: Path
    layout: str
    rows: int
    episodes: int
    shards: int
    resumed: int
    without_next: int
    notes: tuple[str, ...]


def relabel(
    reward: str | Path,
    dataset: str | Path,
    out: str | Path,
    *,
    jobs: int | None = None,
    ray: str | None = None,
    progress: Progress | None = None,
) -> Relabelled:
    """Copy an offline dataset with the learnt reward; the reward that it came with is kept as ``environment_reward``.

    The same call goes on where an earlier one was stopped, at whatever moment, and makes the same bytes.

    Args:
        reward: The file of the reward.
        dataset: D4RL's HDF5, an npz, a Minari dataset (its folder or its id), a Parquet file or a folder of them.
        out: The copy: a file where the dataset is one, and else a folder. A folder has its manifest in it, and a file
            beside it.
        jobs: The number of shards that are scored at a time; None stands for the number of cores.
        ray: The address of a Ray cluster whose workers score the shards; an empty text starts one on this machine, and
            None scores them in threads of this process. The results are the same.
        progress: Called with the number of rows that are done and in all.

    Raises:
        RewardFileError: The reward cannot be read.
        SpaceMismatchError: The reward does not fit the dataset.
        DemonstrationError: The dataset cannot be read, or not be copied.
        RexdError: The output exists, belongs to other work, or is being written by another process; or there is no
            cluster.
    """
    reward, out = Path(reward), Path(out)
    model = load_reward(reward)
    # The lock lies beside the copy: the dataset is unpacked there too, before it is known whether the copy is a folder.
    with locked(out.with_name(f".{out.name}.lock"), str(out)):
        return _relabel(reward, model, str(dataset), out, jobs, ray, progress or (lambda done, total: None))


def _relabel(
    reward: Path, model: RewardModel, dataset: str, out: Path, jobs: int | None, ray: str | None, progress: Progress
) -> Relabelled:
    """Do the work of ``relabel``, as the only process that writes to its output."""
    scratch = out.with_name(f"{out.name}.parts")
    made_scratch = not scratch.exists()
    try:
        source = open_dataset(dataset, scratch)
        work = _Work(source, model, reward, dataset, out, scratch)
        work.check()
    except RexdError:
        if made_scratch:
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    if ray is None:
        return work.run(lambda: Threads(partial(score, model, source.demos), jobs or cores()), progress)
    place = Place(reward.resolve(), hash_of(reward), _resolved(dataset), scratch.resolve())
    with joined(ray, jobs) as cluster:
        return work.run(lambda: RayTasks(cluster, place, jobs), progress)


class _Work:
    """One relabelling, from its plan to its manifest."""

    def __init__(self, dataset: Dataset, model: RewardModel, reward: Path, name: str, out: Path, scratch: Path) -> None:
        self._dataset, self._model, self._out, self._scratch = dataset, model, out, scratch
        self._rows = dataset.demos.n_transitions
        self._folder = bool(dataset.files[0].name)
        self._manifest_path = out / NAME if self._folder else out.with_name(f"{out.name}.{NAME}")
        origin = {
            "layout": dataset.layout,
            "rows": self._rows,
            "episodes": len(dataset.demos),
            "source_bytes": dataset.size,
            "reward_sha256": hash_of(reward),
            "shard_rows": SHARD_ROWS,
        }
        self._manifest = Manifest(origin, name, reward.name)
        self._parts = RewardParts(scratch, self._rows)
        self._saved = 0.0

    def check(self) -> None:
        """Take up what an earlier run has done, and refuse what cannot work before anything is written."""
        predict_at(self._model, Rows.of_transitions(read_rows(self._dataset.demos, 0, 1)))
        earlier = read_manifest(self._manifest_path, self._manifest)
        if earlier is not None:
            self._manifest = earlier
            return
        if self._out.exists() and not (self._folder and _is_empty(self._out)):
            raise RexdError(
                f"{self._out}: exists, without a manifest that says that this command has begun it; expected a new "
                "name. Remove it, or name another output"
            )

    def run(self, engine: Callable[[], Engine], progress: Progress) -> Relabelled:
        """Do what is left."""
        done = self._manifest
        resumed = len(done.shards)
        if not (done.complete and all(map(self._is_written, done.files))):
            done.complete = False
            self._scratch.mkdir(parents=True, exist_ok=True)
            home = self._manifest_path.parent
            home.mkdir(parents=True, exist_ok=True)
            for leftover in (*self._scratch.glob(".*"), *home.glob(f".{self._manifest_path.name}.*")):
                leftover.unlink()  # a process that was killed has left it
            missing = [file for file in self._dataset.files if not self._is_written(self._name(file))]
            if missing:
                resumed = self._score(engine, progress)
            self._write(missing)
        shutil.rmtree(self._scratch, ignore_errors=True)
        return Relabelled(
            out=self._out,
            manifest=self._manifest_path,
            layout=self._dataset.layout,
            rows=self._rows,
            episodes=len(self._dataset.demos),
            shards=count_shards(self._rows),
            resumed=resumed,
            without_next=sum(shard["without_next"] for shard in done.shards.values()),
            notes=self._dataset.demos.notes,
        )

    def _score(self, engine: Callable[[], Engine], progress: Progress) -> int:
        """Score the shards that are missing, and return how many were there."""
        shards = self._manifest.shards
        for number in [n for n, shard in shards.items() if not self._parts.holds(n, shard["sha256"])]:
            del shards[number]
        found, numbers = len(shards), range(count_shards(self._rows))
        finished = sum(self._length(n) for n in shards)
        progress(finished, self._rows)
        left = [n for n in numbers if n not in shards]
        try:
            for number, scored in engine().scored(left) if left else ():
                sha256 = self._parts.write(number, scored.rewards)
                shards[number] = {"sha256": sha256, "without_next": scored.without_next}
                finished += self._length(number)
                progress(finished, self._rows)
                self._save(now=False)
        finally:
            self._save(now=True)
        return found

    def _write(self, missing: list[OutputFile]) -> None:
        """Write the files that are missing, each in one step, and then the manifest of the whole."""
        for file in missing:
            place = self._place(self._name(file))
            made = self._scratch / f"file-{file.start}{place.suffix}"
            with atomic_path(made) as temporary:
                self._dataset.write(file, temporary, self._parts)
            facts = {"rows": file.stop - file.start, **_facts(made)}
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(made, place)
            self._manifest.files[self._name(file)] = facts
            self._save(now=True)
        if self._folder:
            self._dataset.describe(self._out, self._out)
            rows = {name: self._manifest.files[name] for name in map(self._name, self._dataset.files)}
            beside = {path for path in self._out.rglob("*") if path.is_file()} - {
                self._manifest_path,
                *map(self._place, rows),
            }
            self._manifest.files = rows | {path.relative_to(self._out).as_posix(): _facts(path) for path in beside}
        self._manifest.complete = True
        self._save(now=True)

    def _is_written(self, name: str) -> bool:
        facts, place = self._manifest.files.get(name), self._place(name)
        if facts is None or not place.is_file() or place.stat().st_size != facts["bytes"]:
            return False
        return bool(hash_of(place) == facts["sha256"])

    def _name(self, file: OutputFile) -> str:
        """Return the name of a file of rows in the manifest."""
        return file.name or self._out.name

    def _place(self, name: str) -> Path:
        return self._out / name if self._folder else self._out

    def _length(self, number: int) -> int:
        start, stop = span_of(number, self._rows)
        return stop - start

    def _save(self, *, now: bool) -> None:
        if now or time.monotonic() - self._saved > SAVE_EVERY:
            self._manifest.save(self._manifest_path)
            self._saved = time.monotonic()


def _facts(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hash_of(path)}


def _resolved(dataset: str) -> str:
    """Return the whole path of a dataset, or the id of one as it is."""
    return str(Path(dataset).resolve()) if Path(dataset).exists() else dataset


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a process that was killed may have left of a first manifest."""
    return folder.is_dir() and all(item.name.startswith(f".{NAME}.") for item in folder.iterdir())
