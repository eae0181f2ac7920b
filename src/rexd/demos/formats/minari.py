"""A local Minari dataset, by its id or its folder. Nothing is downloaded, and no environment is made.

https://minari.farama.org. Minari keeps ``data/metadata.json`` beside the data of all episodes.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.formats.format import Format
from rexd.demos.hints import Hints
from rexd.demos.source import Source
from rexd.demos.spaces import box_columns, discrete_count
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, RexdError, import_extra

_ID = re.compile(r"([\w-]+/)*[\w-]+-v\d+")
_FREE_BYTES = 256 * 1024**2


def is_dataset_id(text: str) -> bool:
    """Whether a text has the form of a Minari id, such as ``mujoco/hopper/expert-v0``."""
    return _ID.fullmatch(text) is not None


def dataset_folder(dataset_id: str) -> Path:
    """Where Minari keeps a dataset of this id on this machine, there or not."""
    root = os.environ.get("MINARI_DATASETS_PATH")
    return (Path(root) if root is not None else Path.home() / ".minari" / "datasets") / dataset_id


def sniff(source: Source) -> bool:
    """Whether this is a dataset's folder, its ``data`` folder, the data file in it, or else an id."""
    if not source.exists:
        return _id(source) is not None
    folder = _data_folder(source.path)
    if folder is None:
        return False
    try:
        return "minari_version" in _metadata(folder)
    except DemonstrationError:
        return False


def load(source: Source, hints: Hints) -> Demonstrations:
    """Read a dataset by its folder or its id.

    Raises:
        MissingExtraError: Minari is not installed.
        SpaceMismatchError: Its spaces are dicts, tuples or images.
        DemonstrationError: It is not on this machine, incomplete or damaged, or holds no episodes.
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


FORMAT = Format("Minari dataset", sniff, load, records_boundaries=True)


def _id(source: Source) -> str | None:
    return source.text_id if source.text_id is not None and is_dataset_id(source.text_id) else None


def _load_folder(path: Path) -> Demonstrations:
    folder = _data_folder(path)
    if folder is None:
        raise DemonstrationError(f"{path}: is no Minari dataset; expected a folder with data/metadata.json")
    metadata = _metadata(folder)
    for name in ("observation_space", "action_space"):
        if not isinstance(metadata.get(name), str):
            # Minari would make the environment that the file names instead, which imports what the file says.
            raise DemonstrationError(
                f"{path}: the metadata has no {name!r}; expected a dataset that records its spaces. Write it again "
                "with a current Minari"
            )
    minari = import_extra("minari", "minari")
    source = str(metadata.get("dataset_id") or path)
    try:
        if metadata.get("data_format", "hdf5") == "hdf5":
            _check_claims(path, folder)
        dataset = minari.MinariDataset(folder)
        box_columns(dataset.observation_space, "observation", source)
        count = discrete_count(dataset.action_space, source)
        if count is None:
            box_columns(dataset.action_space, "action", source)
        trajectories = tuple(
            _trajectory(source, number, episode) for number, episode in enumerate(dataset.iterate_episodes())
        )
    except (RexdError, ImportError):
        raise
    except Exception as error:  # h5py and Minari raise many kinds on damaged files
        raise DemonstrationError(
            f"{path}: Minari cannot read it ({type(error).__name__}: {str(error)[:200]}); download it again"
        ) from error
    return Demonstrations(trajectories, source=source, n_actions=count, env_id=_env_id(metadata))


def _data_folder(path: Path) -> Path | None:
    candidates = (path.parent,) if path.name.startswith("main_data.") else (path / "data", path)
    return next((folder for folder in candidates if (folder / "metadata.json").is_file()), None)


def _metadata(folder: Path) -> dict[str, Any]:
    file = folder / "metadata.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DemonstrationError(f"{file}: cannot be read as JSON ({error}); download the dataset again") from error
    if not isinstance(content, dict):
        raise DemonstrationError(f"{file}: holds a {type(content).__name__}; expected Minari's metadata")
    return content


def _check_claims(path: Path, folder: Path) -> None:
    """Refuse data whose arrays claim far more than the file holds: HDF5 fills what was never written."""
    h5py = import_extra("h5py", "minari")
    file = folder / "main_data.hdf5"
    if not file.is_file():
        raise DemonstrationError(f"{path}: has no {file.name}; download the dataset again")
    sizes: list[int] = []
    with h5py.File(file, "r") as content:
        content.visititems(lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None)
    limit = max(_FREE_BYTES, 16 * file.stat().st_size)
    if sum(sizes) > limit:
        raise DemonstrationError(
            f"{path}: its arrays claim {sum(sizes)} bytes; expected at most {limit} from this file"
        )


def _trajectory(source: str, number: int, episode: Any) -> Trajectory:
    observations, steps = np.asarray(episode.observations), len(episode.rewards)
    if len(observations) != steps + 1:
        raise DemonstrationError(
            f"{source}: trajectory {number} has {len(observations)} observations; expected {steps + 1} for {steps} "
            "steps and the end"
        )
    terminated = np.asarray(episode.terminations, bool)
    truncated = np.asarray(episode.truncations, bool).copy()
    if steps and not terminated[-1]:
        truncated[-1] = True  # whatever ended the recording, it was not the task
    try:
        return Trajectory(
            observations=observations[:-1],
            actions=np.asarray(episode.actions),
            next_observations=observations[1:],
            terminated=terminated,
            truncated=truncated,
            next_known=np.ones(steps, bool),
            rewards=np.asarray(episode.rewards),
        )
    except DemonstrationError as error:
        raise DemonstrationError(f"{source}: trajectory {number}: {error}") from error


def _env_id(metadata: dict[str, Any]) -> str | None:
    try:
        found = json.loads(metadata["env_spec"])["id"]
    except (KeyError, TypeError, ValueError):
        return None
    return found if isinstance(found, str) else None
