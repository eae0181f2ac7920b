"""A reward as plain data: a JSON description and tensors, and back, every shape checked. Executes nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rexd.errors import RewardFileError, RexdError
from rexd.reward.calibration import Calibration
from rexd.reward.checks import Check
from rexd.reward.red.config import REDConfig
from rexd.reward.red.encoder import Encoder
from rexd.reward.red.fitting import make_networks
from rexd.reward.red.red import RED

VERSION = 2


def describe_reward(model: RED) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description (plain JSON types) and the tensors of a fitted RED; ``rebuild_reward`` is the inverse."""
    encoder = model.encoder_
    tensors: dict[str, Tensor] = {
        "encoder.mean": encoder.mean,
        "encoder.std": encoder.std,
        "encoder.kept": encoder.kept,
        "encoder.relevance": encoder.relevance,
        "held_out_novelty": torch.from_numpy(model.held_out_novelty_.copy()),
    }
    for name, network in (("target", model.target_), ("predictor", model.predictor_)):
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    content = {
        "version": VERSION,
        "config": model.config.to_dict(),
        "obs_dim": encoder.obs_dim,
        "act_dim": encoder.act_dim,
        "discrete": encoder.discrete,
        "columns": len(encoder.kept),
        "models": len(model.target_.weights[0]),
        "rows": len(model.held_out_novelty_),
        "sigma": model.sigma_,
        "calibration": model.calibration_.to_dict(),
        "checks": [check.to_dict() for check in model.checks_],
        "demonstrations_sha256": model.demonstrations_sha256_,
    }
    return content, tensors


def rebuild_reward(source: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> RED:
    """Rebuild a RED from what ``describe_reward`` gave.

    Args:
        source: Where they come from, for messages.
        content: The description.
        tensors: The tensors by name.

    Raises:
        RewardFileError: Something is missing, of a wrong shape, not finite, or of another version.
    """
    try:
        if content["version"] != VERSION:
            raise RewardFileError(
                f"{source}: reward file version {content['version']}; this rexd reads version {VERSION}"
            )
        return _rebuild(source, content, tensors)
    except RewardFileError:
        raise
    # torch raises RuntimeError for sizes that do not exist
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, RexdError) as error:
        raise RewardFileError(f"{source}: damaged reward description ({error!r}); fit the reward anew") from error


def _rebuild(source: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> RED:
    """Fill a skeleton built from the configuration, checking every shape."""
    model = RED(REDConfig.from_dict(content["config"]))
    columns, n_models, rows = (int(content[name]) for name in ("columns", "models", "rows"))
    model.encoder_ = Encoder(
        inputs=model.config.inputs,
        obs_dim=int(content["obs_dim"]),
        act_dim=int(content["act_dim"]),
        discrete=bool(content["discrete"]),
        clock=model.config.clock,
        mean=_take(source, tensors, "encoder.mean", (columns,)),
        std=_take(source, tensors, "encoder.std", (columns,)),
        kept=_take(source, tensors, "encoder.kept", (columns,), torch.int64),
        relevance=torch.ones(0),
    )
    names = len(model.encoder_.column_names)
    if columns == 0 or not bool(((model.encoder_.kept >= 0) & (model.encoder_.kept < names)).all()):
        raise RewardFileError(f"{source}: encoder.kept names columns other than 0 to {names - 1}; fit the reward anew")
    if not bool((model.encoder_.std > 0.0).all()):
        raise RewardFileError(f"{source}: encoder.std is not positive; fit the reward anew")
    relevance = _take(source, tensors, "encoder.relevance", (names,))
    model.encoder_ = replace(model.encoder_, relevance=relevance)
    if not bool((relevance[model.encoder_.kept] > 0.0).all()):
        raise RewardFileError(f"{source}: encoder.relevance of a kept column is not positive; fit the reward anew")
    networks = make_networks(model.config, columns, n_models)
    for name, network in zip(("target", "predictor"), networks, strict=True):
        state = {
            key: _take(source, tensors, f"{name}.{key}", tuple(value.shape))
            for key, value in network.state_dict().items()
        }
        network.load_state_dict(state)
        network.requires_grad_(False)
    model.target_, model.predictor_ = networks
    model.held_out_novelty_ = _take(source, tensors, "held_out_novelty", (rows,)).numpy()
    model.sigma_ = float(content["sigma"])
    model.calibration_ = Calibration.from_dict(content["calibration"])
    for name, value in (("sigma", model.sigma_), ("calibration.anchor", model.calibration_.anchor)):
        if not 0.0 < value < math.inf:
            raise RewardFileError(f"{source}: {name} is {value}; expected a positive number. Fit the reward anew")
    model.checks_ = tuple(Check(**check) for check in content["checks"])
    model.demonstrations_sha256_ = str(content["demonstrations_sha256"])
    return model


def _take(
    source: str, tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Tensor:
    if name not in tensors:
        raise RewardFileError(f"{source}: tensor {name!r} is missing; the file is damaged. Fit the reward anew")
    tensor = tensors[name]
    if tuple(tensor.shape) != shape or tensor.dtype != dtype:
        raise RewardFileError(
            f"{source}: tensor {name!r} has shape {tuple(tensor.shape)} of {tensor.dtype}; expected {shape} of "
            f"{dtype}. Fit the reward anew"
        )
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise RewardFileError(f"{source}: tensor {name!r} holds NaN or infinite values; fit the reward anew")
    return tensor
