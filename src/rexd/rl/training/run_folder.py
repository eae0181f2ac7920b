"""The folder of a training run: what is in it, and how it survives being killed at any moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from rexd.errors import RexdError, RunError
from rexd.files import atomic_path, write_json
from rexd.reward.files import load_reward
from rexd.reward.red.red import RED
from rexd.rl.config import TrainConfig
from rexd.rl.policies.policy import POLICY_FILE, Policy, load_policy

CONFIG_FILE = "config.json"
REWARD_FILE = "reward.safetensors"
METRICS_FILE = "metrics.jsonl"
EVALUATION_FILE = "evaluation.json"
CHECKPOINT_FILE = "checkpoint.safetensors"
ZIP_FILE = "policy.zip"
LAST_POLICY_FILE = "last_policy.safetensors"
LAST_ZIP_FILE = "last_policy.zip"
TENSORBOARD_FOLDER = "tensorboard"


@dataclass(frozen=True)
class Run:
    """A run on disk.

    Attributes:
        path: The folder.
        config: Its settings.
        env: Name of the environment; an id where it was given as one.
        env_kwargs: Arguments of the environment.
        evaluation: Final evaluation of the selected policy, None before the end.
    """

    path: Path
    config: TrainConfig
    env: str
    env_kwargs: dict[str, Any]
    evaluation: dict[str, Any] | None

    def policy(self) -> Policy:
        """The policy that learned return selected."""
        return load_policy(self.path)

    def reward(self) -> RED:
        """The reward model.

        Raises:
            RewardFileError: The run has none (``reward_source`` is ``constant`` or ``env``), or the file is damaged.
        """
        return load_reward(self.path / REWARD_FILE)

    def metrics(self) -> list[dict[str, Any]]:
        """The evaluations during training, in order."""
        return read_metrics(self.path)


def load_run(path: str | Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: It is not one, or its configuration is damaged.
    """
    folder = Path(path)
    if not (folder / CONFIG_FILE).is_file():
        raise RunError(f"{folder}: no {CONFIG_FILE}; expected the folder of a run by rexd train")
    try:
        content = json.loads((folder / CONFIG_FILE).read_text())
        config = TrainConfig.from_dict(content["train"])
        env, env_kwargs = str(content["env"]), dict(content["env_kwargs"])
        evaluation = folder / EVALUATION_FILE
        result = json.loads(evaluation.read_text()) if evaluation.is_file() else None
    except (KeyError, TypeError, ValueError, RexdError) as error:
        raise RunError(f"{folder}: damaged {CONFIG_FILE} or {EVALUATION_FILE} ({error})") from error
    return Run(folder, config, env, env_kwargs, result)


def prepare_folder(folder: Path, config: Mapping[str, Any], *, resume: bool) -> None:
    """Make the folder and write its configuration, or check that it fits the run to be resumed.

    Raises:
        RunError: The folder holds something and ``resume`` is false, or another run.
    """
    existing = folder / CONFIG_FILE
    if resume and existing.is_file():
        try:
            found = _identity(json.loads(existing.read_text()))
        except (AttributeError, TypeError, ValueError) as error:
            raise RunError(f"{existing}: damaged ({error}); choose another folder with --out") from error
        wanted = _identity(json.loads(json.dumps(config)))  # as JSON, where tuples are lists
        different = sorted(key for key in found | wanted if found.get(key) != wanted.get(key))
        if different:
            raise RunError(
                f"{folder}: cannot resume, the run there differs in {', '.join(different)}. Give the same command as "
                "the first time (more steps are fine), or another folder"
            )
        write_json(existing, config)
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} exists. Resume the run there with --resume, or choose another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(existing, config)


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a run and its continuation must share, by the names that a user gives: all but how long they are."""
    train = {name: value for name, value in config.get("train", {}).items() if name not in ("steps", "final_episodes")}
    reward = {f"reward.{name}": value for name, value in train.pop("reward", {}).items()}
    return {**train, **reward, **{name: config.get(name) for name in ("env", "env_kwargs", "demonstrations_sha256")}}


def save_checkpoint(folder: Path, state: Mapping[str, NDArray[Any]], progress: Mapping[str, Any]) -> None:
    """Write what ``--resume`` needs: the learner's arrays and the progress, in one atomic file."""
    arrays = {name: np.asarray(array, order="C") for name, array in state.items()}  # keeps scalars 0-d
    with atomic_path(folder / CHECKPOINT_FILE) as temporary:
        save_file(arrays, temporary, metadata={"progress": json.dumps(progress)})


def load_checkpoint(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Read the latest checkpoint, or None where there is none yet.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="np") as file:
            progress = json.loads((file.metadata() or {})["progress"])
            return {name: file.get_tensor(name) for name in file.keys()}, progress  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: damaged checkpoint ({error!r}); delete it to start the run anew") from error


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The records of ``metrics.jsonl``; a last line cut short by a crash is left out."""
    path = folder / METRICS_FILE
    records = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def write_metrics(folder: Path, records: list[dict[str, Any]]) -> None:
    """Write all records anew, atomically: a few dozen lines, and never half of one."""
    with atomic_path(folder / METRICS_FILE) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in records))


__all__ = ["POLICY_FILE", "Run", "load_run"]
