"""What every reward model offers to DI-engine's pipelines, and how a config becomes one."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, cast

import torch

from rexd.ding.config import Config
from rexd.ding.registry import Registry
from rexd.errors import RewardFileError, RexdError
from rexd.files import atomic_path

REWARD_MODEL_REGISTRY = Registry()
"""The reward models that a config's ``type`` can name."""

_log = logging.getLogger(__name__)


class BaseRewardModel(ABC):
    """A reward model as DI-engine's pipelines drive it.

    In each iteration they call ``collect_data`` with what was just collected, then ``train``, now and then
    ``clear_data``, and for each batch that the policy learns from ``estimate``.
    """

    config: ClassVar[dict[str, Any]] = {}
    """The defaults of ``default_config``."""
    cfg: Config
    """The settings in use."""

    @classmethod
    def default_config(cls) -> Config:
        """A copy of the defaults, with ``cfg_type`` as DI-engine's config compiler expects it."""
        return Config(copy.deepcopy(cls.config), cfg_type=f"{cls.__name__}Dict")

    @abstractmethod
    def estimate(self, data: Any) -> Any:
        """Write the reward of each transition to its key ``reward``.

        Args:
            data: List of transitions, dicts with at least ``obs`` and ``action``.

        Returns:
            The transitions with their rewards.
        """

    @abstractmethod
    def train(self) -> None:
        """Update the model from the data that it holds."""

    @abstractmethod
    def collect_data(self, data: Any) -> None:
        """Take transitions of the agent, in case the model learns from them."""

    @abstractmethod
    def clear_data(self) -> None:
        """Forget the transitions that were collected."""

    def load_expert_data(self) -> None:  # noqa: B027  # empty on purpose: models that learn from the agent alone have none
        """Read the demonstrations."""

    def reward_deepcopy(self, train_data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Copy transitions so that writing their reward leaves the originals alone.

        Args:
            train_data: List of transitions.

        Returns:
            A list of new dicts; rewards are deep copies, all else is shared.
        """
        return [
            {key: _deepcopy(value) if key == "reward" else value for key, value in row.items()} for row in train_data
        ]

    def state_dict(self) -> dict[str, Any]:
        """Everything learnt, as tensors and plain Python types; subclasses that learn override it."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # noqa: B027  # empty on purpose: there may be nothing to load
        """Take over what ``state_dict`` gave; subclasses that learn override it."""

    def save(self, path: str | Path | None = None, name: str = "best") -> Path:
        """Write ``state_dict`` to ``path/reward_model/ckpt/ckpt_{name}.pth.tar``, atomically.

        ``torch.load(file, weights_only=True)``, which executes nothing, reads it back for ``load_state_dict``.

        Args:
            path: Folder of the experiment; None takes the config's ``exp_name``.
            name: ``best``, ``last`` or whatever tells checkpoints apart.

        Returns:
            The file.

        Raises:
            RexdError: There is no path, or the class does not say what to save.
            OSError: The file cannot be written.
        """
        file = self._checkpoint(path, name)
        state = self.state_dict()
        if not state:
            raise RexdError(f"{type(self).__name__}.state_dict is empty, a checkpoint would hold nothing; override it")
        with atomic_path(file) as temporary:
            torch.save(state, temporary)
        _log.info("saved the reward model's checkpoint in %s", file)
        return file

    def load(self, path: str | Path | None = None, name: str = "best") -> None:
        """Read what ``save`` wrote, with the same arguments; executes nothing. DI-engine has no such method.

        Raises:
            RewardFileError: The checkpoint is missing, cut short, or does not fit; the model is as it was.
            RexdError: There is no path.
        """
        file = self._checkpoint(path, name)
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds on what is no checkpoint
            raise RewardFileError(
                f"{file}: cannot be read as a checkpoint ({type(error).__name__}: {str(error)[:200]}); it may be "
                "missing, cut short, or of another kind"
            ) from error
        if not isinstance(state, dict):
            raise RewardFileError(f"{file}: holds a {type(state).__name__}; expected the dict that save wrote")
        try:
            self.load_state_dict(state)
        except RewardFileError as error:
            raise RewardFileError(f"{file}: {error}") from error

    def _checkpoint(self, path: str | Path | None, name: str) -> Path:
        folder = path if path is not None else getattr(self, "cfg", {}).get("exp_name")
        if folder is None:
            raise RexdError("there is no path to the checkpoint: give one, or set exp_name in the config")
        return Path(folder) / "reward_model" / "ckpt" / f"ckpt_{name}.pth.tar"


def create_reward_model(cfg: Mapping[str, Any], device: str, tb_logger: Any = None) -> BaseRewardModel:
    """Build the reward model that a config names; the config itself is left alone.

    Args:
        cfg: A reward model's config with its ``type``, or a whole config with a section ``reward_model``, of which
            the values are used (and ``exp_name`` of the whole, for ``save``). ``import_names``, a list of modules
            or one, are imported first, so that they can register their classes.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
        tb_logger: Anything with ``add_scalar(name, value, step)``, or None.

    Raises:
        RegistryError: No reward model of that type is registered.
        RexdError: The config has no type.
    """
    given = dict(cfg)
    _import(given.pop("import_names", ()))
    section = Config(copy.deepcopy(dict(given.get("reward_model", given))))
    if "exp_name" in given:
        section.setdefault("exp_name", given["exp_name"])
    _import(section.pop("import_names", ()))
    name = _type_of(section)
    section.pop("type")
    built: BaseRewardModel = REWARD_MODEL_REGISTRY.build(name, section, device=device, tb_logger=tb_logger)
    return built


def get_reward_model_cls(cfg: Mapping[str, Any]) -> type[BaseRewardModel]:
    """The class that a reward model's config names; ``import_names`` are imported first.

    Raises:
        RegistryError: No reward model of that type is registered.
        RexdError: The config has no type.
    """
    _import(cfg.get("import_names", ()))
    return cast("type[BaseRewardModel]", REWARD_MODEL_REGISTRY.get(_type_of(cfg)))


def _deepcopy(value: Any) -> Any:
    # A reward that estimate wrote is a view of its whole batch, all of which deepcopy would copy for each row.
    return value.detach().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)


def _type_of(cfg: Mapping[str, Any]) -> str:
    if "type" not in cfg:
        raise RexdError(f"the reward model's config has no 'type'; expected one of {', '.join(REWARD_MODEL_REGISTRY)}")
    return str(cfg["type"])


def _import(names: Any) -> None:
    for name in [names] if isinstance(names, str) else names:
        import_module(name)
