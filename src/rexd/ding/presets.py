"""The default configs of the two reward models, and the settings that select rexd's calibrated RED."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import Any

from rexd.ding.config import Config, section_of
from rexd.errors import RexdError, did_you_mean
from rexd.reward.red.config import REDConfig

AUTO = "auto"
_RED = REDConfig()
_TARGET_DEPTH, _PREDICTOR_DEPTH = 3, 2  # number of hidden layers, each of width ``hidden_size``

DOCUMENTED: dict[str, Any] = {
    "type": "red",
    "expert_data_path": "expert_data.pkl",
    "sample_size": 1000,
    "sigma": 5,
    "batch_size": 64,
    "hidden_size": 128,
    "update_per_collect": 100,
    "clear_buffer_per_iters": 1,
    "learning_rate": 1e-3,
    "input_size": None,
}
"""The defaults of DI-engine's documentation. DI-engine's code differs from it in sigma, which is 0.5 there."""

CALIBRATED: dict[str, Any] = {
    **DOCUMENTED,
    "type": "rexd",
    "sample_size": None,
    "sigma": AUTO,
    "batch_size": _RED.batch_size,
    "update_per_collect": _RED.updates,
    "learning_rate": _RED.learning_rate,
    "normalize": True,
    "output_dims": _RED.outputs,
    "n_targets": _RED.folds,
    "shape": _RED.shape,
    "median_reward": _RED.median_reward,
    "target_layers": None,
    "predictor_layers": None,
}
"""The defaults of rexd's calibrated RED: standardised inputs, σ measured on held-out rows, several deep targets."""

# Settings that DI-engine's RED lacks, or the one value that it has of them.
_SIGNS: dict[str, Any] = {
    "normalize": False,
    "output_dims": 1,
    "n_targets": 1,
    "target_layers": None,
    "predictor_layers": None,
    "shape": "exponential",
    "median_reward": None,
}


_DI_ENGINE = ("cfg_type", "import_names", "target_new_data_count")  # written and read by DI-engine alone
UNSET = ("action_shape", "continual", "exp_name", "expert_filter", "inplace", "seed")
"""Settings without a default."""
KNOWN = {*CALIBRATED, *UNSET, *_DI_ENGINE}
"""Every setting that has an effect here or in DI-engine."""


def complete(defaults: Mapping[str, Any], config: Mapping[str, Any], known: Collection[str] = KNOWN) -> Config:
    """Return the config in use: the given settings, and defaults for the rest.

    If a setting is given that only rexd's RED has, the rest takes the calibrated defaults, except ``shape``, which
    keeps its own default. A setting that has no effect is named in a ``UserWarning``.

    Args:
        defaults: The default config of the class.
        config: The settings that differ from it, or the config of an experiment with a section ``reward_model``.
        known: The settings that have an effect.

    Raises:
        RexdError: A value cannot work.
    """
    given = section_of(config)
    _warn_of_unknown(given, known)
    cfg = Config({**defaults, **given})
    if is_calibrated(cfg):
        cfg = Config({**CALIBRATED, "type": defaults["type"], "shape": defaults.get("shape", "exponential"), **given})
    _check(cfg)
    return cfg


def in_use(defaults: Mapping[str, Any], config: Mapping[str, Any], known: Collection[str]) -> Config:
    """Return the config in use of a model of one type, whose common settings are checked.

    A setting that has no effect is named in a ``UserWarning``.

    Args:
        defaults: The default config of the class.
        config: The settings that differ from it, or the config of an experiment with a section ``reward_model``.
        known: The settings that have an effect.

    Raises:
        RexdError: A value cannot work.
    """
    given = section_of(config)
    _warn_of_unknown(given, {*known, *_DI_ENGINE})
    cfg = Config({**defaults, **given, "type": defaults["type"]})
    check_common(cfg)
    return cfg


def _warn_of_unknown(given: Mapping[str, Any], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            near = did_you_mean(str(name), known) or f" The settings are {', '.join(sorted(known))}."
            warnings.warn(f"the reward model has no setting {name!r}, which is ignored.{near}", stacklevel=4)


def is_calibrated(cfg: Mapping[str, Any]) -> bool:
    """Return whether a config has a setting that DI-engine's RED lacks."""
    return cfg["sigma"] == AUTO or any(cfg.get(name, plain) not in (plain, None) for name, plain in _SIGNS.items())


def red_config(cfg: Config, seed: int) -> REDConfig:
    """Return the settings of ``rexd.RED`` for a calibrated config; without a clock, as ``estimate`` gets no times."""
    width = int(cfg.hidden_size)
    return REDConfig(
        clock=False,
        shape=cfg.shape,
        median_reward=cfg.median_reward,
        sigma=None if cfg.sigma == AUTO else float(cfg.sigma),
        folds=int(cfg.n_targets),
        target_layers=tuple(cfg.target_layers or (width,) * _TARGET_DEPTH),
        predictor_layers=tuple(cfg.predictor_layers or (width,) * _PREDICTOR_DEPTH),
        outputs=int(cfg.output_dims),
        updates=int(cfg.update_per_collect),
        batch_size=int(cfg.batch_size),
        learning_rate=float(cfg.learning_rate),
        seed=seed,
    )


def _check(cfg: Config) -> None:
    for name in ("batch_size", "hidden_size", "update_per_collect"):
        if not _is_count(cfg[name]):
            raise RexdError(f"{name} is {cfg[name]!r}; expected a positive integer")
    for name, auto in (("sigma", AUTO), ("learning_rate", None)):
        value = cfg[name]
        if value != auto and not (isinstance(value, Real) and 0.0 < float(value) < math.inf):
            raise RexdError(f"{name} is {value!r}; expected a positive number{f', or {auto!r}' if auto else ''}")
    check_common(cfg)
    if is_calibrated(cfg):
        _check_calibrated(cfg)


def check_common(cfg: Config) -> None:
    """Refuse values that cannot work of the settings that all reward models have.

    Raises:
        RexdError: A value cannot work.
    """
    if not _is_count(cfg.clear_buffer_per_iters):
        raise RexdError(f"clear_buffer_per_iters is {cfg.clear_buffer_per_iters!r}; expected a positive integer")
    for name in ("sample_size", "input_size"):
        if cfg[name] is not None and not _is_count(cfg[name]):
            raise RexdError(f"{name} is {cfg[name]!r}; expected a positive integer, or None")
    seed, is_expert = cfg.get("seed"), cfg.get("expert_filter")
    if seed is not None and not (isinstance(seed, Integral) and int(seed) >= 0):
        raise RexdError(f"seed is {seed!r}; expected an integer of 0 or more")
    if is_expert is not None and not callable(is_expert):
        raise RexdError(f"expert_filter is {is_expert!r}; expected a function that tells an expert's transition")


def _check_calibrated(cfg: Config) -> None:
    if not cfg.normalize:
        raise RexdError(
            "normalize=False cannot be combined with sigma='auto', shape, or several outputs, layers or targets: the "
            "calibrated model standardises its inputs. Leave normalize out"
        )
    for name, least in (("output_dims", 1), ("n_targets", 2)):
        if not _is_count(cfg[name]) or int(cfg[name]) < least:
            raise RexdError(f"{name} of the calibrated model is {cfg[name]!r}; expected an integer of {least} or more")
    red_config(cfg, 0)  # REDConfig checks the other settings


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1
