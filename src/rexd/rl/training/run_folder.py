"""The folder of a training run: its files, and reading and writing them.

A run folder holds:

- ``config.json``: the settings, the environment, a hash of the demonstrations, and the versions, processor, date and
  command line of the latest start.
- ``reward.safetensors``: the reward model, with its calibration and checks.
- ``policy.safetensors``: the selected policy, as weights that load without executing anything.
- ``policy.zip``: the selected policy for the ``load`` of the library that trained it.
- ``last_policy.safetensors``, ``last_policy.zip``: the policy of the last evaluation, likewise.
- ``metrics.jsonl``: one record for each evaluation during training.
- ``evaluation.json``: the final evaluation of the selected policy, in fresh episodes, and what it is compared with.
- ``checkpoint.safetensors``: the learner's arrays and the progress, which ``--resume`` continues from.
- ``report.html``: a page with pictures of all this, which the command ``rexd train`` writes at the end.
- ``tensorboard/``: the figures of the metrics for TensorBoard, and more of them (``rexd.rl.training.board``).

The files are written atomically, so that a run that was killed at any moment can be continued.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from rexd.errors import RexdError, RunError
from rexd.files import atomic_path, write_json
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.files import load_reward
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
        max_episode_steps: The number of steps after which the run cut episodes off; None where it left that to the
            environment's own limit.
        env_reference: What makes the environment by importing code, such as ``module:ClassName``; None for an id. It
            is what the folder says, so that importing it needs trust. It may be a text that no import finds
            (``rexd.envs.references``).
    """

    path: Path
    config: TrainConfig
    env: str
    env_kwargs: dict[str, Any]
    evaluation: dict[str, Any] | None
    max_episode_steps: int | None = None
    env_reference: str | None = None

    def __repr__(self) -> str:
        """Tell where the run is, what was trained, and what it reached."""
        config, found = self.config, self.evaluation
        about = f"<Run {self.path}: {self.env}, {config.algorithm}, {config.steps:,} steps, seed {config.seed}\n"
        if found is None:
            return f"{about} not finished; resume=True continues it>"
        paid = {"learned": found.get("learned"), "true": found.get("true")}
        reached = [f"{name} {s['mean']:,.4g} ± {s['std']:,.4g}" for name, s in paid.items() if s]
        return f"{about} returns over {len(found.get('episodes', ()))} episodes: {', '.join(reached)}>"

    def policy(self) -> Policy:
        """Load the policy that was selected by its learned return."""
        return load_policy(self.path)

    def reward(self) -> Estimator:
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
        limit = content.get("max_episode_steps")  # runs of earlier versions have none
        if limit is not None and (type(limit) is not int or limit < 1):
            raise ValueError(f"max_episode_steps is {limit!r}; expected a positive number")
        reference = content.get("env_reference")
        evaluation = folder / EVALUATION_FILE
        result = json.loads(evaluation.read_text()) if evaluation.is_file() else None
    except (KeyError, TypeError, ValueError, RexdError) as error:
        raise RunError(f"{folder}: damaged {CONFIG_FILE} or {EVALUATION_FILE} ({error})") from error
    return Run(
        path=folder,
        config=config,
        env=env,
        env_kwargs=env_kwargs,
        evaluation=result,
        max_episode_steps=limit,
        env_reference=None if reference is None else str(reference),
    )


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
            content = json.loads(existing.read_text())
            content.setdefault("max_episode_steps", config.get("max_episode_steps"))  # earlier versions had none
            found = _identity(content)
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


@contextmanager
def begun_folder(folder: Path, config: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
    """``prepare_folder`` for the duration of a start, which leaves nothing behind where an error ends it.

    What an earlier run left is kept, and so is everything after Ctrl-C, which ``resume`` goes on from.
    """
    earlier, existed = (folder / CONFIG_FILE).is_file(), folder.exists()
    free = not existed or (folder.is_dir() and not any(folder.iterdir()))
    try:
        prepare_folder(folder, config, resume=resume)
        yield
    except Exception:
        if free and not earlier:
            for name in (CONFIG_FILE, REWARD_FILE):
                (folder / name).unlink(missing_ok=True)
            if not existed:
                with suppress(OSError):  # something else has been put there meanwhile, or it was never made
                    folder.rmdir()
        raise


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run and its continuation must share, by the names of the settings.

    Only ``steps`` and ``final_episodes`` may differ.
    """
    train = {name: value for name, value in config.get("train", {}).items() if name not in ("steps", "final_episodes")}
    reward = {f"reward.{name}": value for name, value in train.pop("reward", {}).items()}
    others = ("env", "env_kwargs", "max_episode_steps", "demonstrations_sha256", "goals")
    return {**train, **reward, **{name: config.get(name) for name in others}}


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


def checkpoint_steps(folder: Path) -> int | None:
    """Return the number of steps after which the latest checkpoint was written; None if there is no sound one."""
    try:
        with safe_open(folder / CHECKPOINT_FILE, framework="np") as file:
            return int(file.get_tensor("steps"))
    except (SafetensorError, OSError, ValueError):
        return None


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
