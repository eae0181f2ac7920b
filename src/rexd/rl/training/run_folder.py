"""The folder of a training run: its files, and reading and writing them.

A run folder holds:

- ``config.json``: the settings, the environment and a hash of the demonstrations.
- ``reward.safetensors``: the reward model, with its calibration and checks.
- ``policy.safetensors``: the selected policy, as weights that load without executing anything.
- ``policy.zip``: the selected policy for the ``load`` of the library that trained it.
- ``last_policy.safetensors``, ``last_policy.zip``: the policy of the last evaluation, likewise.
- ``metrics.jsonl``: one record for each evaluation during training.
- ``evaluation.json``: the final evaluation of the selected policy, in fresh episodes, and what it is compared with.
- ``checkpoint.safetensors``: the learner's arrays and the progress, which ``--resume`` continues from.
- ``tensorboard/``: the figures of the metrics for TensorBoard, and more of them (``rexd.rl.training.board``).

The files are written atomically, so that a run that was killed at any moment can be continued.
"""

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
from rexd.rl.policies.policy import Policy, load_policy

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
        path: The folder of the run.
        config: The settings of the run.
        env: Name of the environment. It is a Gymnasium id if the environment was given by its id.
        env_kwargs: Keyword arguments of the environment.
        evaluation: Final evaluation of the selected policy; None before the end of the run.
    """

    path: Path
    config: TrainConfig
    env: str
    env_kwargs: dict[str, Any]
    evaluation: dict[str, Any] | None

    def policy(self) -> Policy:
        """Load the policy that was selected by its learned return."""
        return load_policy(self.path)

    def reward(self) -> RED:
        """Load the reward model.

        Raises:
            RewardFileError: The run has no reward model (``reward_source`` is ``constant`` or ``env``), or its file is
                damaged.
        """
        return load_reward(self.path / REWARD_FILE)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the records of the evaluations during training, in order."""
        return read_metrics(self.path)


def load_run(path: str | Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: The folder is not that of a run, or its configuration or final evaluation is damaged.
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
    """Make the folder of a run and write its configuration, or check that the run in it can be resumed.

    Args:
        folder: The folder of the run.
        config: The content of ``config.json``.
        resume: Whether a run in the folder is to be continued.

    Raises:
        RunError: The folder is not empty and ``resume`` is false, or it holds a run with other settings.
    """
    existing = folder / CONFIG_FILE
    if resume and existing.is_file():
        try:
            found = _identity(json.loads(existing.read_text()))
        except (AttributeError, TypeError, ValueError) as error:
            raise RunError(f"{existing}: damaged ({error}); choose another folder with --out") from error
        wanted = _identity(json.loads(json.dumps(config)))  # JSON turns tuples into lists, as in what was found
        different = sorted(key for key in found | wanted if found.get(key) != wanted.get(key))
        if different:
            raise RunError(
                f"{folder}: cannot resume, the run there differs in {', '.join(different)}. Give the same command as "
                "the first time (a larger --steps is allowed), or choose another folder"
            )
        write_json(existing, config)
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} exists. Resume the run there with --resume, or choose another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(existing, config)


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run and its continuation must share, by the names of the settings.

    Only ``steps`` and ``final_episodes`` may differ.
    """
    train = {name: value for name, value in config.get("train", {}).items() if name not in ("steps", "final_episodes")}
    reward = {f"reward.{name}": value for name, value in train.pop("reward", {}).items()}
    return {**train, **reward, **{name: config.get(name) for name in ("env", "env_kwargs", "demonstrations_sha256")}}


def save_checkpoint(folder: Path, state: Mapping[str, NDArray[Any]], progress: Mapping[str, Any]) -> None:
    """Write what ``--resume`` needs, the learner's arrays and the progress, into one file, atomically."""
    # np.asarray keeps scalars 0-dimensional, unlike np.ascontiguousarray.
    arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
    with atomic_path(folder / CHECKPOINT_FILE) as temporary:
        save_file(arrays, temporary, metadata={"progress": json.dumps(progress)})


def load_checkpoint(folder: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Read the latest checkpoint.

    Returns:
        The learner's arrays and the progress, as given to ``save_checkpoint``; None if there is no checkpoint yet.

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
    """Return the records of ``metrics.jsonl``, without a last line that a crash cut short."""
    path = folder / METRICS_FILE
    records = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def write_metrics(folder: Path, records: list[dict[str, Any]]) -> None:
    """Write all records anew, atomically. They are only a few dozen lines, and no line is ever incomplete."""
    with atomic_path(folder / METRICS_FILE) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in records))
