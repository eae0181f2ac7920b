"""Loading of the policies that ``--policy`` and RUN name: a run folder, a policy file, or a zip that needs trust."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from rexd.errors import RunError, SpaceMismatchError, UnsafeFileError, import_extra

if TYPE_CHECKING:
    from rexd.evaluation.rollouts import PolicyLike
    from rexd.reward.base import RewardModel

LIBRARIES = ("stable_baselines3", "sbx", "sb3_contrib")


@dataclass(frozen=True)
class Opened:
    """A policy, with the environment and the reward of its run folder if it lies in one.

    Attributes:
        policy: The policy.
        env: The environment of the run; None outside a run folder.
        env_kwargs: The arguments of that environment.
        reward: The reward of the run; None if there is none.
        max_episode_steps: The steps after which the run cut episodes off; None if it did not.
        env_reference: What imports code to make the environment, as the folder says; None for an id.
    """

    policy: PolicyLike
    env: str | None = None
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    reward: RewardModel | None = None
    max_episode_steps: int | None = None
    env_reference: str | None = None


def open_policy(path: Path, *, trust: bool, seed: int) -> Opened:
    """Load a policy, and the reward of its run folder.

    Args:
        path: A run folder, a policy.safetensors, or a zip of Stable-Baselines3 or sbx.
        trust: Whether code in a zip may be executed.
        seed: The seed of the policy's noise.

    Raises:
        UnsafeFileError: The file is a zip, and not trusted.
        RexdError: The file cannot be read.
    """
    from rexd.rl.policies.policy import load_policy
    from rexd.rl.training.run_folder import CONFIG_FILE, REWARD_FILE, load_run

    policy: PolicyLike
    if path.is_file() and zipfile.is_zipfile(path):
        policy = _open_zip(path, trust=trust, seed=seed)
    else:
        loaded = load_policy(path)
        loaded.seed(seed)
        policy = loaded
    folder = path if path.is_dir() else path.parent
    if not (folder / CONFIG_FILE).is_file():
        return Opened(policy)
    run = load_run(folder)
    reward = run.reward() if (folder / REWARD_FILE).is_file() else None
    return Opened(policy, run.env, run.env_kwargs, reward, run.max_episode_steps, run.env_reference)


def _open_zip(path: Path, *, trust: bool, seed: int) -> PolicyLike:
    if not trust:
        raise UnsafeFileError(
            f"{path}: is a zip of Stable-Baselines3 or sbx, and loading one executes code that is in it; nothing was "
            "loaded. If you trust its origin, give --trust. The policy.safetensors that rexd train writes beside it "
            "needs no trust"
        )
    from rexd.rl.training.run_folder import check_zip

    check_zip(path)
    library, name, replaced = _algorithm(path)
    module = import_extra(library, "train")
    algorithm = getattr(module, name, None)
    if algorithm is None:
        raise RunError(
            f"{path}: is of the algorithm {name}, which {library} does not have; expected an algorithm of {library}"
        )
    try:
        model = algorithm.load(path, device="cpu", **replaced)
    except Exception as error:  # unpickling foreign code may raise anything
        raise RunError(
            f"{path}: {library} cannot load it ({type(error).__name__}: {error}); expected a zip that {name}.save "
            "wrote, with versions of the libraries near those installed"
        ) from error
    model.set_random_seed(seed)
    return _Checked(model, path)


def _algorithm(path: Path) -> tuple[str, str, dict[str, Any]]:
    """Return the library, the class, and further arguments of its ``load``, without executing code.

    They follow from the module of the policy that the zip names.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
        library, family, *_ = str(data["policy_class"]["__module__"]).split(".")
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise RunError(
            f"{path}: a zip, but not one of Stable-Baselines3 or sbx ({error!r}); expected what model.save wrote"
        ) from error
    if library == "rexd":
        from rexd.rl.learners.sb3.sac import LayerNormPolicy

        # The zip names this class by the module that it lay in when the zip was written.
        return "stable_baselines3", "SAC", {"custom_objects": {"policy_class": LayerNormPolicy}}
    if library not in LIBRARIES:
        raise RunError(f"{path}: its policy is of {library!r}; expected one of {', '.join(LIBRARIES)}")
    if family == "common":  # the policies that PPO and A2C share
        return library, "PPO" if "clip_range" in data else "A2C", {}
    return library, {"crossq": "CrossQ"}.get(family, family.upper()), {}


class _Checked:
    """A model of Stable-Baselines3 that raises a ``SpaceMismatchError`` for observations of the wrong shape."""

    def __init__(self, model: Any, path: Path) -> None:
        self._model, self._path = model, path

    def predict(self, observation: NDArray[Any], *, deterministic: bool = True) -> tuple[NDArray[Any], Any]:
        try:
            actions, state = self._model.predict(observation, deterministic=deterministic)
        except ValueError as error:
            expected, given = self._model.observation_space.shape, observation.shape[1]
            if expected == (given + 1,):
                raise SpaceMismatchError(
                    f"{self._path}: the policy takes {expected[0]} columns, and the environment gives {given}; a zip "
                    "that rexd train wrote with absorbing states has such a last column, which marks them. Give the "
                    "run folder, or the policy.safetensors in it: these play the environment as it is"
                ) from error
            raise SpaceMismatchError(
                f"{self._path}: the policy does not take observations of {observation.shape[1]} columns ({error}); "
                "give the environment that it was trained in with --env"
            ) from error
        return actions, state
