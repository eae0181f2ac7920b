"""The interface of DI-engine's reward models, and the functions that build one from a config."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, cast

import torch

from rexd.ding.config import Config, section_of
from rexd.ding.registry import Registry
from rexd.errors import RewardFileError, RexdError
from rexd.files import atomic_path

REWARD_MODEL_REGISTRY = Registry()
"""The reward models by the names that ``type`` of a config can have."""

_log = logging.getLogger(__name__)


class BaseRewardModel(ABC):
    """A reward model with the methods that DI-engine's pipelines call.

    In each iteration a pipeline calls ``collect_data`` with the new transitions, then ``train``, ``clear_data`` after
    some iterations, and ``estimate`` for each batch that the policy learns from.
    """

    config: ClassVar[dict[str, Any]] = {}
    """The default settings, which ``default_config`` returns."""
    cfg: Config
    """The settings in use."""

    @classmethod
    def default_config(cls) -> Config:
        """Return a copy of the default settings, with the key ``cfg_type`` that DI-engine's config compiler expects."""
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
        """Train the model on the data that it holds."""

    @abstractmethod
    def collect_data(self, data: Any) -> None:
        """Take transitions that were just collected; a model may learn from them in ``train``."""

    @abstractmethod
    def clear_data(self) -> None:
        """Forget the transitions that were collected."""

    def load_expert_data(self) -> None:  # noqa: B027  # empty on purpose: some models learn from the agent alone
        """Read the demonstrations; a model that learns from an expert overrides this."""

    def reward_deepcopy(self, train_data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Copy transitions so that their reward can be written without changing the originals.

        Args:
            train_data: List of transitions.

        Returns:
            A list of new dicts, whose rewards are deep copies and whose other values are shared with the originals.
        """
        return [
            {key: _deepcopy(value) if key == "reward" else value for key, value in row.items()} for row in train_data
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return everything learnt, as tensors and plain Python types; a subclass that learns overrides this."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # noqa: B027  # empty on purpose: some models have nothing to load
        """Load what ``state_dict`` returned; a subclass that learns overrides this."""

    def save(self, path: str | Path | None = None, name: str = "best") -> Path:
        """Write ``state_dict`` to ``path/reward_model/ckpt/ckpt_{name}.pth.tar``, atomically.

        ``torch.load(file, weights_only=True)``, which executes no code, reads it back for ``load_state_dict``.

        Args:
            path: Folder of the experiment; None takes the config's ``exp_name``.
            name: Name of the checkpoint, such as ``best`` or ``last``.

        Returns:
            The path of the file.

        Raises:
            RexdError: There is no path, or ``state_dict`` is empty.
            OSError: The file cannot be written.
        """
        file = self._checkpoint(path, name)
        state = self.state_dict()
        if not state:
            raise RexdError(
                f"{type(self).__name__}.state_dict is empty, so a checkpoint would hold nothing; override it"
            )
        with atomic_path(file) as temporary:
            torch.save(state, temporary)
        _log.info("saved the reward model's checkpoint in %s", file)
        return file

    def load(self, path: str | Path | None = None, name: str = "best") -> None:
        """Read what ``save`` wrote with the same arguments, without executing code. DI-engine has no such method.

        Raises:
            RewardFileError: The checkpoint is missing, cut short, or does not fit; the model is unchanged.
            RexdError: There is no path.
        """
        file = self._checkpoint(path, name)
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises errors of many kinds for a file that is no checkpoint
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
    """Build the reward model that a config names; the config is not changed.

    Args:
        cfg: The config of a reward model with its ``type``, or the config of an experiment with such a config in its
            section ``reward_model``; the ``exp_name`` of the experiment is used by ``save``. The modules in
            ``import_names``, one name or a list, are imported first, so that they can register their classes.
        device: ``"cpu"``, ``"cuda"`` or ``"cuda:0"``.
        tb_logger: An object with a method ``add_scalar(name, value, step)``, or None.

    Raises:
        RegistryError: No reward model of that type is registered.
        RexdError: The config has no type.
    """
    _import(cfg.get("import_names", ()))
    section = section_of(cfg)
    _import(section.pop("import_names", ()))
    # Expert rows in memory are read and never changed, and may be many.
    section = Config(
        {key: value if key == "expert_data_path" else copy.deepcopy(value) for key, value in section.items()}
    )
    name = _type_of(section)
    section.pop("type")
    built: BaseRewardModel = REWARD_MODEL_REGISTRY.build(name, section, device=device, tb_logger=tb_logger)
    return built


def get_reward_model_cls(cfg: Mapping[str, Any]) -> type[BaseRewardModel]:
    """Return the class that the config of a reward model names, after importing its ``import_names``.

    Raises:
        RegistryError: No reward model of that type is registered.
        RexdError: The config has no type.
    """
    _import(cfg.get("import_names", ()))
    return cast("type[BaseRewardModel]", REWARD_MODEL_REGISTRY.get(_type_of(cfg)))


def _deepcopy(value: Any) -> Any:
    # A reward that ``estimate`` wrote is a view of the rewards of its batch; deepcopy would copy all of them for each
    # transition.
    return value.detach().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)


def _type_of(cfg: Mapping[str, Any]) -> str:
    if "type" not in cfg:
        raise RexdError(f"the reward model's config has no 'type'; expected one of {', '.join(REWARD_MODEL_REGISTRY)}")
    return str(cfg["type"])


def _import(names: Any) -> None:
    for name in [names] if isinstance(names, str) else names:
        import_module(name)
