"""Writing demonstrations as a Minari dataset, which both Minari and rexd can read."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from rexd.demos.demonstrations import Demonstrations
from rexd.demos.trajectory import Trajectory
from rexd.errors import DemonstrationError, import_extra

_VERSION = "0.5.2"  # the version of Minari whose layout this is

# Attributes that rexd adds to an episode's group. Minari ignores them.
FINAL_KNOWN, REWARDS_KNOWN = "final_observation_known", "rewards_known"


def save_minari(demos: Demonstrations, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write demonstrations as a Minari dataset; ``load_demonstrations`` reads the same arrays and dtypes back.

    Args:
        demos: The demonstrations: whole trajectories, without gaps between steps.
        path: The dataset's folder, which must not exist or must be empty. If it is within Minari's own folder of
            datasets, its path relative to that folder is the dataset's id.
        overwrite: Whether to replace a dataset at the path, once the new one is complete. A folder that is not a
            dataset is never replaced.

    Returns:
        The path of the dataset.

    Raises:
        MissingExtraError: h5py is not installed.
        DemonstrationError: The path exists already, or the layout cannot hold the demonstrations.
    """
    h5py = import_extra("h5py", "minari")
    target = Path(path)
    check_place(target, overwrite=overwrite)
    if len(demos.unused):
        raise _lost(demos, "rows that a selection left out")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        data = temporary / "data"
        data.mkdir()
        with h5py.File(data / "main_data.hdf5", "w", track_order=True) as file:
            for number, trajectory in enumerate(demos):
                _check(demos, number, trajectory)
                _write(file.create_group(f"episode_{number}"), number, trajectory)
        size = round((data / "main_data.hdf5").stat().st_size / 10**6, 1)
        (data / "metadata.json").write_text(json.dumps(_metadata(demos, target, size)), encoding="utf-8")
        temporary.chmod(0o755)
        _move(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def check_place(target: Path, *, overwrite: bool = False) -> None:
    """Refuse a path that exists, unless it is an empty folder, or a dataset that may be replaced.

    Raises:
        DemonstrationError: The path exists, and must not be replaced.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not overwrite:
        raise DemonstrationError(f"{target}: exists; expected a new folder for the dataset. Remove it or name another")
    if not (target / "data" / "metadata.json").is_file():
        raise DemonstrationError(
            f"{target}: is not a Minari dataset, and only a dataset is replaced by one; remove it or name another "
            "folder"
        )


def _move(temporary: Path, target: Path) -> None:
    """Rename a complete folder to its target. An old dataset is moved aside first, and moved back on failure."""
    if not target.exists() or not any(target.iterdir()):
        temporary.replace(target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    try:
        target.rename(aside / target.name)
        temporary.rename(target)
    except BaseException:
        if not target.exists():
            (aside / target.name).rename(target)
        raise
    finally:
        if target.exists():  # otherwise the old dataset is the only one left
            shutil.rmtree(aside, ignore_errors=True)


def _check(demos: Demonstrations, number: int, trajectory: Trajectory) -> None:
    if demos.image:
        raise _lost(demos, "images as they are, which it compresses with a loss")
    obs, following = trajectory.observations, trajectory.next_observations
    if obs.dtype != following.dtype or following[:-1].tobytes() != obs[1:].tobytes():
        raise _lost(demos, f"next observations of trajectory {number}, which differ from the rows that follow")
    if not trajectory.next_known[:-1].all():
        raise _lost(demos, f"next observations of trajectory {number}, of which some are not known")


def _lost(demos: Demonstrations, what: str) -> DemonstrationError:
    return DemonstrationError(
        f"{demos.source}: Minari's layout cannot hold the {what}; expected whole trajectories, step after step. "
        "Save it as npz (save_demonstrations)"
    )


def _write(group: Any, number: int, trajectory: Trajectory) -> None:
    steps, rewards = len(trajectory), trajectory.rewards
    group.attrs["id"] = number
    group.attrs["total_steps"] = steps
    if not trajectory.next_known[-1]:
        group.attrs[FINAL_KNOWN] = False
    if rewards is None:
        group.attrs[REWARDS_KNOWN] = False
    group["observations"] = np.concatenate([trajectory.observations, trajectory.next_observations[-1:]])
    group["actions"] = trajectory.actions
    group["rewards"] = np.zeros(steps) if rewards is None else rewards
    group["terminations"] = trajectory.terminated
    group["truncations"] = trajectory.truncated
    group.create_group("infos")


def _metadata(demos: Demonstrations, target: Path, size: float) -> dict[str, Any]:
    first = demos.trajectories[0]
    action_space: dict[str, Any]
    if isinstance(demos.n_actions, tuple):
        starts = [0] * len(demos.n_actions)
        action_space = {"type": "MultiDiscrete", "dtype": "int64", "nvec": list(demos.n_actions), "start": starts}
    elif demos.n_actions is not None:
        action_space = {"type": "Discrete", "dtype": "int64", "start": 0, "n": demos.n_actions}
    else:
        low, high = demos.action_bounds if demos.action_bounds is not None else (-np.inf, np.inf)
        action_space = _box(first.actions.shape[1], first.actions.dtype, low, high)
    metadata = {
        "total_episodes": len(demos),
        "total_steps": demos.n_transitions,
        "data_format": "hdf5",
        "jpeg_encoding": True,
        "observation_space": json.dumps(_box(demos.obs_dim, first.observations.dtype, -np.inf, np.inf)),
        "action_space": json.dumps(action_space),
        "dataset_id": dataset_id_at(target),
        "minari_version": _VERSION,
        "dataset_size": size,
        "description": "; ".join(demos.notes),
    }
    spec = None if demos.env_id is None else _env_spec(demos.env_id)
    return metadata if spec is None else metadata | {"env_spec": spec}


def _box(columns: int, dtype: np.dtype[Any], low: Any, high: Any) -> dict[str, Any]:
    bounds = {name: np.broadcast_to(bound, columns).tolist() for name, bound in (("low", low), ("high", high))}
    return {"type": "Box", "dtype": str(dtype), "shape": [columns], **bounds}


def dataset_id_at(target: Path) -> str:
    """Return the id under which Minari finds a dataset at a path."""
    root = os.environ.get("MINARI_DATASETS_PATH")
    name = target.name
    if root is not None and target.resolve().is_relative_to(Path(root).resolve()):
        name = target.resolve().relative_to(Path(root).resolve()).as_posix()
    if re.fullmatch(r"([\w-]+/)*[\w-]+-v\d+", name):
        return name
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', target.name).strip('-') or 'demonstrations'}-v0"


def _env_spec(env_id: str) -> str:
    """Return the environment's specification from Gymnasium, or one with the id alone, in a form that Minari reads."""
    # Gymnasium or the environment may be missing, or its arguments may not be serialisable.
    with suppress(Exception):
        return str(import_module("gymnasium").registry[env_id].to_json())
    bare: dict[str, Any] = {
        "id": env_id,
        "entry_point": None,
        "kwargs": {},
        "additional_wrappers": [],
        "vector_entry_point": None,
    }
    return json.dumps(bare)
