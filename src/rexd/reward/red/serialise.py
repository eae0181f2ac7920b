"""A fitted RED as plain data: a JSON description and tensors, and back, with every shape checked. Executes nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rexd.demos.goals import Goals
from rexd.errors import RewardFileError, RexdError
from rexd.reward.calibration import Calibration
from rexd.reward.checks import Check
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.image_encoder import ImageEncoder, pixels_shape
from rexd.reward.red.config import REDConfig
from rexd.reward.red.fitted import FittedRED
from rexd.reward.red.fitting import Networks, make_networks, network_shapes
from rexd.reward.rows import Float32

VERSION = 2
MOST_PIXELS = 2**24


@dataclass(frozen=True, eq=False)
class SavedRED:
    """Everything that a reward file holds.

    Attributes:
        config: The settings that the reward was fitted with.
        fitted: The reward.
        checks: What it pays for rows of known kinds.
        held_out_novelty: (N,) float32, the error of each demonstrated row by the model that never saw it.
        demonstrations_sha256: Hash of the demonstrations.
        horizon: The number of steps over which returns count, where the demonstrations end in terminal states.
    """

    config: REDConfig
    fitted: FittedRED
    checks: tuple[Check, ...]
    held_out_novelty: Float32
    demonstrations_sha256: str
    horizon: int | None = None


def describe_reward(saved: SavedRED) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the description (plain JSON types) and the tensors of a reward; ``rebuild_reward`` is the inverse."""
    fitted, encoder = saved.fitted, saved.fitted.encoder
    tensors: dict[str, Tensor] = {
        "encoder.mean": encoder.mean,
        "encoder.std": encoder.std,
        "encoder.kept": encoder.kept,
        "encoder.relevance": encoder.relevance,
        "held_out_novelty": torch.from_numpy(saved.held_out_novelty.copy()),
    }
    for name, network in (("target", fitted.target), ("predictor", fitted.predictor)):
        tensors |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
    content = {
        "version": VERSION,
        "config": saved.config.to_dict(),
        "obs_dim": encoder.columns.obs_dim,
        "act_dim": encoder.columns.act_dim,
        "discrete": encoder.columns.discrete,
        **({"choices": list(encoder.columns.choices)} if encoder.columns.choices else {}),
        **({"observation_names": list(names)} if (names := encoder.columns.observation_names) else {}),
        **({"image": list(encoder.columns.image)} if encoder.columns.image else {}),
        **({} if (goals := encoder.columns.goals) is None else {"goals": goals.to_dict()}),
        **({} if encoder.columns.clock == saved.config.clock else {"clock": encoder.columns.clock}),
        "columns": len(encoder.kept),
        "models": fitted.models,
        "rows": len(saved.held_out_novelty),
        "sigma": fitted.sigma,
        "calibration": fitted.calibration.to_dict(),
        "checks": [check.to_dict() for check in saved.checks],
        "demonstrations_sha256": saved.demonstrations_sha256,
        **({} if saved.horizon is None else {"horizon": saved.horizon}),
    }
    return content, tensors


def rebuild_reward(source: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> SavedRED:
    """Rebuild a reward from what ``describe_reward`` returned.

    Args:
        source: The name of the file that they come from, for messages.
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
    # PyTorch raises RuntimeError for sizes that do not exist.
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, RexdError) as error:
        raise RewardFileError(f"{source}: damaged reward description ({error!r}); fit the reward anew") from error


def _rebuild(source: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> SavedRED:
    config = REDConfig.from_dict(content["config"])
    kept_columns, n_models, rows = (int(content[name]) for name in ("columns", "models", "rows"))
    encoder = _encoder(source, config, content, tensors, kept_columns)
    pixels = pixels_shape(encoder.columns) if encoder.columns.image else None
    target, predictor = _networks(source, config, tensors, kept_columns, n_models, pixels)
    held_out = _take(source, tensors, "held_out_novelty", (rows,)).numpy()
    sigma, calibration = float(content["sigma"]), Calibration.from_dict(content["calibration"])
    for name, value in (("sigma", sigma), ("calibration.anchor", calibration.anchor)):
        if not 0.0 < value < math.inf:
            raise RewardFileError(f"{source}: {name} is {value}; expected a positive number. Fit the reward anew")
    if not 0.0 <= calibration.coverage <= 1.0:
        raise RewardFileError(f"{source}: coverage is {calibration.coverage}; expected 0 to 1. Fit the reward anew")
    fitted = FittedRED(encoder, target, predictor, config.shape, sigma, calibration)
    checks = tuple(Check(**check) for check in content["checks"])
    horizon = None if (steps := content.get("horizon")) is None else int(steps)
    if horizon is not None and horizon < 1:
        raise RewardFileError(f"{source}: horizon is {horizon}; expected 1 or more. Fit the reward anew")
    return SavedRED(config, fitted, checks, held_out, str(content["demonstrations_sha256"]), horizon)


def _encoder(
    source: str, config: REDConfig, content: dict[str, Any], tensors: dict[str, Tensor], kept_columns: int
) -> Encoder:
    columns = InputColumns(
        inputs=config.inputs,
        obs_dim=int(content["obs_dim"]),
        act_dim=int(content["act_dim"]),
        discrete=bool(content["discrete"]),
        clock=bool(content.get("clock", config.clock)),
        choices=tuple(map(int, content.get("choices", ()))),
        observation_names=tuple(map(str, content.get("observation_names", ()))),
        image=tuple(map(int, content.get("image", ()))),
        goals=Goals.from_dict(content["goals"]) if "goals" in content else None,
    )
    if columns.goals is not None:
        columns.goals.check(columns.obs_dim, source)
    image = columns.image
    if image and (len(image) != 3 or min(image) < 1 or math.prod(image) > MOST_PIXELS):
        raise RewardFileError(f"{source}: images of shape {image}; expected a height, width and channels. Fit it anew")
    if len(columns.observation_names) not in (0, columns.obs_dim):
        raise RewardFileError(f"{source}: observation_names are not one for each column; fit the reward anew")
    if columns.choices and (min(columns.choices) < 1 or sum(columns.choices) != columns.act_dim):
        raise RewardFileError(f"{source}: choices do not fit {columns.act_dim} columns; fit the reward anew")
    encoder = (ImageEncoder if image else Encoder)(
        columns=columns,
        mean=_take(source, tensors, "encoder.mean", (kept_columns,)),
        std=_take(source, tensors, "encoder.std", (kept_columns,)),
        kept=_take(source, tensors, "encoder.kept", (kept_columns,), torch.int64),
        relevance=torch.ones(0),
    )
    names = columns.width
    relevance = _take(source, tensors, "encoder.relevance", (names,))
    if (kept_columns == 0 and not image) or not bool(((encoder.kept >= 0) & (encoder.kept < names)).all()):
        raise RewardFileError(f"{source}: encoder.kept names columns other than 0 to {names - 1}; fit the reward anew")
    if not bool((encoder.std > 0.0).all()):
        raise RewardFileError(f"{source}: encoder.std is not positive; fit the reward anew")
    if not bool((relevance[encoder.kept] > 0.0).all()):
        raise RewardFileError(f"{source}: encoder.relevance of a kept column is not positive; fit the reward anew")
    return replace(encoder, relevance=relevance)


def _networks(
    source: str,
    config: REDConfig,
    tensors: dict[str, Tensor],
    kept_columns: int,
    n_models: int,
    pixels: tuple[int, int, int] | None,
) -> tuple[Networks, Networks]:
    """Fill skeletons that are built from the configuration, once every tensor has the shape that it asks for."""
    if n_models < 1:
        raise RewardFileError(f"{source}: models is {n_models}; expected 1 or more. Fit the reward anew")
    states = {
        name: {key: _take(source, tensors, f"{name}.{key}", shape) for key, shape in shapes}
        for name, shapes in network_shapes(config, kept_columns, n_models, pixels).items()
    }
    networks = make_networks(config, kept_columns, n_models, pixels)
    for (name, state), network in zip(states.items(), networks, strict=True):
        if pixels is not None and not bool(state["std"] > 0.0):
            raise RewardFileError(f"{source}: {name}.std is not positive; fit the reward anew")
        network.load_state_dict(state)
        network.requires_grad_(False)
    return networks


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
