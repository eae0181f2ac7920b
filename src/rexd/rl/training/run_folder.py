"""The folder of a training run: its files, and reading and writing them.

A run folder holds:

- ``config.json``: the settings, the environment, a hash of the demonstrations, and the versions, processor, date and
  command line of the latest start.
- ``reward.safetensors``: the reward model, with its calibration and checks.
- ``diagnosis.json``: what the doctor found about the reward before the training, if the command ``rexd train`` ran it.
- ``policy.safetensors``: the selected policy, as weights that load without executing anything.
- ``policy.zip``: the selected policy for the ``load`` of the library that trained it.
- ``last_policy.safetensors``, ``last_policy.zip``: the policy of the last evaluation, likewise.
- ``metrics.jsonl``: one record for each evaluation during training.
- ``evaluation.json``: the final evaluation of the selected policy, in fresh episodes, and what it is compared with.
- ``checkpoint.safetensors``: the learner's arrays and the progress, which ``--resume`` continues from.
- ``report.html``: a page with pictures of all this, which the command ``rexd train`` writes at the end.
- ``.lock``: who trains in the folder, while somebody does (``rexd.locks``).
- ``tensorboard/``: the figures of the metrics for TensorBoard, and more of them (``rexd.rl.training.board``).

The files are written atomically, so that a run that was killed at any moment can be continued.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from rexd.errors import RexdError, RunError
from rexd.files import atomic_path, leftovers, parse_json, read_json, write_json
from rexd.locks import locked
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.files import load_reward
from rexd.rl.config import TrainConfig
from rexd.rl.policies.policy import Policy, load_policy
from rexd.tensors import DIGEST, check_hash, content_hash

CONFIG_FILE = "config.json"
REWARD_FILE = "reward.safetensors"
DIAGNOSIS_FILE = "diagnosis.json"
METRICS_FILE = "metrics.jsonl"
EVALUATION_FILE = "evaluation.json"
CHECKPOINT_FILE = "checkpoint.safetensors"
ANEW = "Delete it to start the run anew"
ZIP_FILE = "policy.zip"
LAST_POLICY_FILE = "last_policy.safetensors"
LAST_ZIP_FILE = "last_policy.zip"
TENSORBOARD_FOLDER = "tensorboard"
LOCK_FILE = ".lock"
MOST_STEPS = 10**12  # of an episode
MOST_ARGUMENTS = 2**16  # letters that the arguments of an environment take as JSON
_MEND = "Choose another folder with --out"


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
        reached = [f"{name} {shown}" for name, summary in paid.items() if (shown := _with_spread(summary))]
        played = found.get("episodes")
        episodes = len(played) if isinstance(played, list) else 0
        return f"{about} returns over {episodes} episodes: {', '.join(reached)}>"

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


def _with_spread(summary: Any) -> str:
    """Return the mean of a summary of returns, and its deviation where several episodes were played."""
    mean, std = (summary.get(name) if isinstance(summary, dict) else None for name in ("mean", "std"))
    if not isinstance(mean, float | int):
        return ""
    return f"{mean:,.4g} ± {std:,.4g}" if isinstance(std, float | int) else f"{mean:,.4g}"


def load_run(path: str | Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: The folder is not that of a run, or its configuration or final evaluation is damaged.
    """
    folder = Path(path)
    if not (folder / CONFIG_FILE).is_file():
        raise RunError(f"{folder}: no {CONFIG_FILE}; expected the folder of a run by rexd train")
    try:
        content = read_json(folder / CONFIG_FILE, RunError, "Train anew, or copy the folder again")
        config = TrainConfig.from_dict(content["train"])
        env, env_kwargs = str(content["env"]), dict(content["env_kwargs"])
        limit = content.get("max_episode_steps")  # runs of earlier versions have none
        if limit is not None and (type(limit) is not int or not 1 <= limit <= MOST_STEPS):
            raise ValueError(f"max_episode_steps is {str(limit)[:80]}; expected a number from 1 to {MOST_STEPS}")
        if len(letters := json.dumps(env_kwargs)) > MOST_ARGUMENTS:
            raise ValueError(f"env_kwargs take {len(letters)} letters; expected at most {MOST_ARGUMENTS}")
        reference = content.get("env_reference")
        evaluation = folder / EVALUATION_FILE
        result = read_json(evaluation, RunError, "Train anew") if evaluation.is_file() else None
    except (KeyError, TypeError, ValueError, AttributeError, RexdError) as error:
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
            content = read_json(existing, RunError, _MEND)
            content.setdefault("max_episode_steps", config.get("max_episode_steps"))  # earlier versions had none
            found = _identity(content)
        except (AttributeError, TypeError, ValueError) as error:
            raise RunError(f"{existing}: damaged ({error}). {_MEND}") from error
        wanted = _identity(json.loads(json.dumps(config)))  # JSON turns tuples into lists, as in what was found
        different = sorted(key for key in found | wanted if found.get(key) != wanted.get(key))
        if different:
            raise RunError(
                f"{folder}: cannot resume, the run there differs in {', '.join(different)}. Give the same command as "
                "the first time (a larger --steps is allowed), or choose another folder"
            )
        write_json(existing, config)
        return
    if folder.exists() and not _is_free(folder):
        raise RunError(f"{folder} exists. Resume the run there with --resume, or choose another folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_json(existing, config)


def _is_free(folder: Path) -> bool:
    """Whether a folder holds nothing but a lock; what a kill left of a first file is gone by then."""
    return folder.is_dir() and all(path.name == LOCK_FILE for path in folder.iterdir())


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other processes out of the folder of a run, and remove the temporary files that a killed one left in it.

    A folder that was not there, and in which nothing was kept, is removed at the end.

    Raises:
        RexdError: Another process trains in the folder.
    """
    if folder.exists() and not folder.is_dir():
        yield  # ``prepare_folder`` says what is wrong
        return
    existed = folder.exists()
    try:
        with locked(folder / LOCK_FILE, str(folder)):
            for path in leftovers(folder):
                path.unlink(missing_ok=True)
            yield
    finally:
        if not existed:
            with suppress(OSError):  # something was kept
                folder.rmdir()


@contextmanager
def begun_folder(folder: Path, config: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
    """``prepare_folder`` for the duration of a start, which leaves nothing behind where an error ends it.

    What an earlier run left is kept, and so is everything after Ctrl-C, which ``resume`` goes on from.
    """
    earlier, existed = (folder / CONFIG_FILE).is_file(), folder.exists()
    free = not existed or _is_free(folder)
    try:
        prepare_folder(folder, config, resume=resume)
        yield
    except Exception:
        if free and not earlier:
            for name in (CONFIG_FILE, REWARD_FILE, DIAGNOSIS_FILE):
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
        described = {**progress, DIGEST: content_hash(progress, arrays.items())}
        save_file(arrays, temporary, metadata={"progress": json.dumps(described)})


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
    with _opened(path) as file:
        described = (file.metadata() or {})["progress"]
        names = file.keys()
        state = {name: file.get_tensor(name) for name in names}
    progress = parse_json(described, f"{path}: damaged checkpoint", RunError, ANEW)
    check_hash(path, progress, state.items(), RunError, ANEW)
    return state, progress


def checkpoint_arrays(folder: Path, names: Sequence[str]) -> list[NDArray[Any]] | None:
    """Read some of the learner's arrays in the latest checkpoint; None if one of them is not in it.

    Raises:
        RunError: The file is damaged.
    """
    with _opened(folder / CHECKPOINT_FILE) as file:
        return [file.get_tensor(name) for name in names] if set(names) <= set(file.keys()) else None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise RunError(f"{path}: damaged checkpoint ({error!r}). {ANEW}") from error


def zip_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each zip of a run by its name, which ``evaluation.json`` keeps."""
    found = {}
    for name in (ZIP_FILE, LAST_ZIP_FILE):
        if (folder / name).is_file():
            with (folder / name).open("rb") as stream:
                found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def check_zip(path: Path) -> None:
    """Check the sums within a zip, and its hash where it lies in the folder of a run that keeps one.

    Raises:
        RunError: The zip is damaged, or is not the one that the run wrote.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        raise RunError(f"{path}: a damaged zip ({error!r}); copy it again or train anew") from error
    if damaged is not None:
        raise RunError(f"{path}: {damaged!r} in it is damaged (its sum is wrong); copy it again or train anew")
    beside = path.parent / EVALUATION_FILE
    kept = read_json(beside, RunError, "Train anew").get("zips") if beside.is_file() else None
    wanted = kept.get(path.name) if isinstance(kept, dict) else None
    if wanted is not None and zip_hashes(path.parent).get(path.name) != wanted:
        raise RunError(
            f"{path}: is not the file that the run wrote, since its hash differs from that in {EVALUATION_FILE}; copy "
            "it again or train anew"
        )


def checkpoint_steps(folder: Path) -> int | None:
    """Return the number of steps after which the latest checkpoint was written; None if there is no sound one."""
    try:
        with safe_open(folder / CHECKPOINT_FILE, framework="np") as file:
            return int(file.get_tensor("steps"))
    except (SafetensorError, OSError, ValueError):
        return None


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the records of ``metrics.jsonl`` up to the first line that is none."""
    path = folder / METRICS_FILE
    records = []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            record = parse_json(line, str(path), RunError, "")
        except RunError:
            break
        if type(record.get("steps")) is not int:
            break
        records.append(record)
    return records


def write_metrics(folder: Path, records: list[dict[str, Any]]) -> None:
    """Write all records anew, atomically. They are only a few dozen lines, and no line is ever incomplete."""
    with atomic_path(folder / METRICS_FILE) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in records))
