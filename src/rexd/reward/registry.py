"""The estimators of novelty by name; their modules are imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from rexd.errors import RexdError, did_you_mean

if TYPE_CHECKING:
    from rexd.reward.estimator.estimator import Estimator
    from rexd.reward.estimator.settings import EstimatorSettings

DEFAULT = "red"
_HOME = {
    "red": ("red.config", "REDConfig", "red.red", "RED"),
    "nearest-neighbour": ("rivals.settings", "NearestNeighbourConfig", "rivals.nearest_neighbour", "NearestNeighbour"),
    "autoencoder": ("rivals.settings", "AutoencoderConfig", "rivals.autoencoder", "Autoencoder"),
    "kernel-pca": ("rivals.settings", "KernelPCAConfig", "rivals.kernel_pca", "KernelPCA"),
    "pwil": ("rivals.settings", "PWILConfig", "rivals.pwil", "PWIL"),
}


def settings_class(name: str) -> type[EstimatorSettings]:
    """Return the settings of the estimator of that name.

    Raises:
        RexdError: There is none of that name.
    """
    module, kind, _, _ = _home(name)
    return cast("type[EstimatorSettings]", getattr(import_module(f"rexd.reward.{module}"), kind))


def estimator_class(name: str) -> type[Estimator]:
    """Return the estimator of that name.

    Raises:
        RexdError: There is none of that name.
    """
    _, _, module, kind = _home(name)
    return cast("type[Estimator]", getattr(import_module(f"rexd.reward.{module}"), kind))


def settings_from(values: Mapping[str, Any]) -> EstimatorSettings:
    """Build the settings that ``type`` of some values names; RED's where it is missing.

    Raises:
        RexdError: A name is unknown, or a value is out of range.
    """
    return settings_class(str(values.get("type", DEFAULT))).from_dict(values)


def estimator(config: EstimatorSettings) -> Estimator:
    """Return the estimator, not fitted, that settings are for."""
    return estimator_class(config.type)(config)


def make_reward(type: str = DEFAULT, **settings: Any) -> Estimator:
    """Return a reward model, not fitted, by name: ``make_reward("nearest-neighbour", k=5).fit(demonstrations)``.

    Args:
        type: ``red``, ``nearest-neighbour``, ``autoencoder``, ``kernel-pca`` or ``pwil``.
        **settings: The settings of that type, by name.

    Raises:
        RexdError: The type or a name is unknown, or a value is out of range.
    """
    return estimator(settings_from({"type": type, **settings}))


def _home(name: str) -> tuple[str, str, str, str]:
    if name not in _HOME:
        near = did_you_mean(name, _HOME)
        raise RexdError(f"no reward has the type {name!r}; expected one of {', '.join(_HOME)}.{near}")
    return _HOME[name]
