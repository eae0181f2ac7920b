"""A local Minari dataset, by its id or its folder; nothing is downloaded, and no environment is made.

Minari (https://minari.farama.org) keeps ``data/metadata.json`` beside the data of all episodes. Both are read without
Minari (``rexd.reading.minari``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos import streamed
from rexd.demos.choices import ActionCount
from rexd.demos.demonstrations import Demonstrations
from rexd.demos.spaces import action_count, box_columns
from rexd.demos.streamed import Numbers, Streamed
from rexd.demos.trajectory import Array, Trajectory, check_alike
from rexd.errors import DemonstrationError, UnsafeFileError
from rexd.reading.containers.folders import read_json, text_in_json
from rexd.reading.containers.source import Source
from rexd.reading.formats.format import WrittenFormat
from rexd.reading.minari.spaces import ObservationColumns, parse_space
from rexd.reading.minari.storage import Episode, Storage, open_storage
from rexd.reading.minari.writing import FINAL_KNOWN, REWARDS_KNOWN, check_place, save_minari
from rexd.reading.rows.hints import Hints
from rexd.reading.rows.side_by_side import flattening_notes

_ID = re.compile(r"([\w-]+/)*[\w-]+-v\d+")


def is_dataset_id(text: str) -> bool:
    """Whether a text has the form of a Minari id, such as ``mujoco/hopper/expert-v0``."""
    return _ID.fullmatch(text) is not None


def dataset_folder(dataset_id: str) -> Path:
    """Return the folder in which Minari would keep a dataset of this id on this machine."""
    root = os.environ.get("MINARI_DATASETS_PATH")
    return (Path(root) if root is not None else Path.home() / ".minari" / "datasets") / dataset_id


def sniff(source: Source) -> bool:
    """Whether this is a dataset's folder, its ``data`` folder or the data file in it, or a text that may be an id."""
    if not source.exists:
        return _id(source) is not None
    folder = data_folder(source.path)
    if folder is None:
        return False
    try:
        return "minari_version" in _metadata(folder)
    except UnsafeFileError:
        raise
    except DemonstrationError:
        return False


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read a dataset by its folder or its id.

    Observations of several parts are put side by side, in the order of ``gymnasium.spaces.flatten``.

    Raises:
        MissingExtraError: h5py, or for the arrow and parquet storages pyarrow, is not installed.
        UnsafeFileError: A file refers to other files.
        SpaceMismatchError: The observations are images or text, or the actions neither a flat box nor discrete.
        DemonstrationError: The dataset is not on this machine, incomplete or damaged, or holds no episodes.
    """
    dataset_id = None if source.exists else _id(source)
    if dataset_id is None:
        return _load_folder(source.path)
    path = dataset_folder(dataset_id)
    if not path.is_dir():
        raise DemonstrationError(
            f"{dataset_id}: is neither a file nor a Minari dataset on this machine (looked in {path}); check the "
            f"path, or fetch it with: minari download {dataset_id}"
        )
    return _load_folder(path)


FORMAT = WrittenFormat(
    "Minari dataset",
    sniff,
    load,
    records_boundaries=True,
    streams=True,
    target="minari",
    tool="Minari",
    suffixes=("",),
    holds="episodes",
    save=partial(save_minari, overwrite=True),
    check_folder=partial(check_place, overwrite=True),
)


def _id(source: Source) -> str | None:
    return source.text_id if source.text_id is not None and is_dataset_id(source.text_id) else None


def _load_folder(path: Path) -> Demonstrations:
    folder = data_folder(path)
    if folder is None:
        raise DemonstrationError(f"{path}: is no Minari dataset; expected a folder with data/metadata.json")
    metadata = _metadata(folder)
    source = _name(path, folder, metadata)
    spaces = {}
    for what in ("observation", "action"):
        text = metadata.get(f"{what}_space")
        if not isinstance(text, str):
            # Minari would make the environment that the file names instead, and import the module that it names.
            raise DemonstrationError(
                f"{path}: the metadata has no '{what}_space'; expected a dataset that records its spaces. Write it "
                "again with a current Minari"
            )
        spaces[what] = parse_space(source, what, text)
    columns = ObservationColumns(source, spaces["observation"])
    count = action_count(spaces["action"], source)
    if count is None:
        box_columns(spaces["action"], "action", source)
    storage = open_storage(folder, str(metadata.get("data_format", "hdf5")))
    total = metadata.get("total_episodes")
    if isinstance(total, int) and len(storage.numbers) < total:
        raise DemonstrationError(
            f"{path}: has {len(storage.numbers)} episodes; expected {total} as its metadata says. Download it again"
        )

    def read(numbers: Iterable[int]) -> Iterator[Trajectory]:
        return (_trajectory(source, columns, episode) for episode in storage.episodes(numbers))

    held = None if storage.size > streamed.STREAM_BYTES else _held(read(storage.numbers))
    trajectories = _streamed(source, count, storage, read) if held is None else held
    flat = columns.flattening
    notes = () if flat.plain else flattening_notes(flat)
    env_id = text_in_json(metadata, "env_spec", "id")
    return Demonstrations(
        trajectories, source=source, n_actions=count, env_id=env_id, notes=notes, column_names=flat.names
    )


def _name(path: Path, folder: Path, metadata: dict[str, Any]) -> str:
    """Return the id of a dataset where its folder has that name, as Minari's folders have; else the path."""
    dataset_id = str(metadata.get("dataset_id"))
    dataset = folder.resolve().parent.as_posix()  # holds the folder ``data``
    known = is_dataset_id(dataset_id) and dataset.endswith(f"/{dataset_id}")
    return dataset_id if known else str(path)


def _held(trajectories: Iterable[Trajectory]) -> tuple[Trajectory, ...] | None:
    """Return all trajectories, or None if they turn out too large to hold, as those of a compressed file may."""
    found, size = list[Trajectory](), 0
    for t in trajectories:
        found.append(t)
        size += t.observations.nbytes + t.actions.nbytes  # next observations share the memory of observations
        if size > streamed.STREAM_BYTES:
            return None
    return tuple(found)


def _streamed(
    source: str, count: ActionCount | None, storage: Storage, read: Callable[[Iterable[int]], Iterator[Trajectory]]
) -> Streamed:
    """Return trajectories that are read when they are asked for, with the checks of ``Demonstrations`` at that time."""
    ids = np.array(storage.numbers)
    lengths = np.array([len(episode.read(("rewards",))) for episode in storage.episodes(storage.numbers)], np.int64)
    first = next(read(storage.numbers[:1]))

    def checked(numbers: Numbers) -> Generator[Trajectory, None, None]:
        for number, t in zip(ids[numbers], read(ids[numbers].tolist()), strict=True):
            wrong = count is not None and (
                t.actions.shape[1:] != np.shape(count) or (t.actions < 0).any() or (t.actions >= count).any()
            )
            if wrong:
                raise DemonstrationError(
                    f"{source}: trajectory {number} has other actions than its action space; download the dataset again"
                )
            yield check_alike(source, int(number), t, first)

    return Streamed(lengths, checked)


def data_folder(path: Path) -> Path | None:
    """Return the folder of the data that belongs to a dataset, to that folder itself, or to a file in it."""
    candidates = (path.parent,) if path.name.startswith("main_data.") else (path / "data", path)
    return next((folder for folder in candidates if (folder / "metadata.json").is_file()), None)


def _metadata(folder: Path) -> dict[str, Any]:
    return read_json(folder, folder / "metadata.json", "Minari's metadata")


def _trajectory(source: str, columns: ObservationColumns, episode: Episode) -> Trajectory:
    label = f"{source}: trajectory {episode.number}"
    observations = columns.read(episode.number, episode.read)
    rewards, actions = episode.read(("rewards",)), episode.read(("actions",))
    steps = len(rewards)
    if len(observations) != steps + 1:
        raise DemonstrationError(
            f"{label} has {len(observations)} observations; expected {steps + 1} for {steps} steps and the end"
        )
    terminated, truncated = (_flags(label, episode, name) for name in ("terminations", "truncations"))
    if steps and not terminated[-1:].any():
        truncated[-1:] = True  # the recording ended without a terminal state
    known = np.ones(steps, bool)
    known[-1:] = episode.marks.get(FINAL_KNOWN, True)
    try:
        return Trajectory(
            observations=observations[:-1],
            actions=actions,
            next_observations=observations[1:],
            terminated=terminated,
            truncated=truncated,
            next_known=known,
            rewards=rewards if episode.marks.get(REWARDS_KNOWN, True) else None,
        )
    except DemonstrationError as error:
        raise DemonstrationError(f"{label}: {error}") from error


def _flags(label: str, episode: Episode, name: str) -> Array:
    found = episode.read((name,))
    if found.ndim != 1:
        raise DemonstrationError(f"{label}: {name} have shape {found.shape}; expected one for each step")
    return found.astype(np.bool_)
