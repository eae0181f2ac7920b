"""A fitted estimator as plain data: a JSON description and tensors, and back, with every shape checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rexd.demos.goals import Goals
from rexd.errors import RewardFileError, RexdError
from rexd.reward.calibration import Calibration
from rexd.reward.checks import Check
from rexd.reward.choices import SHAPES
from rexd.reward.columns import InputColumns
from rexd.reward.encoder import Encoder
from rexd.reward.estimator.fitted import Fitted, Novelty
from rexd.reward.estimator.settings import EstimatorSettings
from rexd.reward.estimator.way import Way
from rexd.reward.image_encoder import ImageEncoder
from rexd.reward.rows import Float32

VERSION = 2
MOST_PIXELS = 2**24


@dataclass(frozen=True, eq=False)
class Saved:
    """Everything that a reward file holds.

    Attributes:
        config: The settings that the reward was fitted with.
        fitted: The reward.
        checks: What it pays for rows of known kinds.
        held_out_novelty: (N,) float32, the error of each demonstrated row by the model that never saw it.
        held_out_reward: (N,) float32, what each of these rows is paid.
        demonstrations_sha256: Hash of the demonstrations.
        horizon: The number of steps over which returns count, where the demonstrations end in terminal states.
    """

    config: EstimatorSettings
    fitted: Fitted
    checks: tuple[Check, ...]
    held_out_novelty: Float32
    held_out_reward: Float32
    demonstrations_sha256: str
    horizon: int | None = None


def describe(saved: Saved) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the description (plain JSON types) and the tensors of a reward."""
    fitted, encoder = saved.fitted, saved.fitted.encoder
    own, learnt = fitted.learnt.describe()
    tensors: dict[str, Tensor] = {
        "encoder.mean": encoder.mean,
        "encoder.std": encoder.std,
        "encoder.kept": encoder.kept,
        "encoder.relevance": encoder.relevance,
        "held_out_novelty": torch.from_numpy(saved.held_out_novelty.copy()),
        **learnt,
        **(
            {}
            if fitted.way is None
            else {
                "way.low": fitted.way.low,
                "way.high": fitted.way.high,
                "way.weights": fitted.way.weights,
                "held_out_reward": torch.from_numpy(saved.held_out_reward.copy()),
            }
        ),
    }
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
        **({} if fitted.shape == saved.config.shape else {"shape": fitted.shape}),
        "columns": len(encoder.kept),
        **own,
        "rows": len(saved.held_out_novelty),
        "sigma": fitted.sigma,
        "calibration": fitted.calibration.to_dict(),
        "checks": [check.to_dict() for check in saved.checks],
        "demonstrations_sha256": saved.demonstrations_sha256,
        **({} if saved.horizon is None else {"horizon": saved.horizon}),
        **({} if fitted.way is None else {"way": {"offset": fitted.way.offset}}),
    }
    return content, tensors


@contextmanager
def rebuilding(source: str) -> Iterator[None]:
    """Turn what Python and PyTorch raise on a damaged description into an error that names the file."""
    try:
        yield
    except RewardFileError:
        raise
    # PyTorch raises RuntimeError for sizes that do not exist.
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError, RexdError) as error:
        raise RewardFileError(f"{source}: damaged reward description ({error!r}); fit the reward anew") from error


def check_version(source: str, content: dict[str, Any]) -> None:
    """Refuse a file of another version."""
    if content["version"] != VERSION:
        raise RewardFileError(f"{source}: reward file version {content['version']}; this rexd reads version {VERSION}")


def check_type(source: str, content: dict[str, Any], expected: str) -> None:
    """Refuse a reward of another type."""
    found = content["config"].get("type", expected)
    if found != expected:
        raise RewardFileError(
            f"{source}: a reward of type {found!r}; expected {expected!r}. rexd.load_reward reads each type"
        )


def rebuild(
    source: str, config: EstimatorSettings, learnt: Novelty, content: dict[str, Any], tensors: dict[str, Tensor]
) -> Saved:
    """Rebuild a reward around its novelty from what ``describe`` returned; ``source`` names the file."""
    held_out = take(source, tensors, "held_out_novelty", (int(content["rows"]),)).numpy()
    sigma, calibration = float(content["sigma"]), Calibration.from_dict(content["calibration"])
    scales = {"sigma": sigma, "calibration.anchor": calibration.anchor}
    if calibration.near is not None:
        scales["calibration.near"] = calibration.near
    for name, value in scales.items():
        if not 0.0 < value < math.inf:
            raise RewardFileError(f"{source}: {name} is {value}; expected a positive number. Fit the reward anew")
    if not 0.0 <= calibration.coverage <= 1.0:
        raise RewardFileError(f"{source}: coverage is {calibration.coverage}; expected 0 to 1. Fit the reward anew")
    way = _way(source, learnt, content, tensors)
    shape = content.get("shape", config.shape)
    if shape not in SHAPES:
        raise RewardFileError(f"{source}: shape is {shape!r}; expected one of {', '.join(SHAPES)}. Fit the reward anew")
    fitted = Fitted(learnt, shape, sigma, calibration, way)
    if way is None:
        paid = fitted.reward_of_novelty(held_out)
    else:
        paid = take(source, tensors, "held_out_reward", (len(held_out),)).numpy()
    checks = tuple(Check(**check) for check in content["checks"])
    horizon = None if (steps := content.get("horizon")) is None else int(steps)
    if horizon is not None and horizon < 1:
        raise RewardFileError(f"{source}: horizon is {horizon}; expected 1 or more. Fit the reward anew")
    return Saved(config, fitted, checks, held_out, paid, str(content["demonstrations_sha256"]), horizon)


def _way(source: str, learnt: Novelty, content: dict[str, Any], tensors: dict[str, Tensor]) -> Way | None:
    """Rebuild the way from a beginner to the expert, which rewards without a far beginner do not have."""
    if "way" not in content:
        return None
    offset = float(content["way"]["offset"])
    if not math.isfinite(offset):
        raise RewardFileError(f"{source}: way.offset is {offset}; expected a number. Fit the reward anew")
    shape = (len(learnt.encoder.kept),)
    low, high, weights = (take(source, tensors, f"way.{name}", shape) for name in ("low", "high", "weights"))
    return Way(low, high, weights, offset)


def rebuild_encoder(
    source: str, config: EstimatorSettings, content: dict[str, Any], tensors: dict[str, Tensor]
) -> Encoder:
    """Rebuild what gives standardised inputs."""
    kept_columns = int(content["columns"])
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
        mean=take(source, tensors, "encoder.mean", (kept_columns,)),
        std=take(source, tensors, "encoder.std", (kept_columns,)),
        kept=take(source, tensors, "encoder.kept", (kept_columns,), torch.int64),
        relevance=torch.ones(0),
    )
    names = columns.width
    relevance = take(source, tensors, "encoder.relevance", (names,))
    if (kept_columns == 0 and not image) or not bool(((encoder.kept >= 0) & (encoder.kept < names)).all()):
        raise RewardFileError(f"{source}: encoder.kept names columns other than 0 to {names - 1}; fit the reward anew")
    if not bool((encoder.std > 0.0).all()):
        raise RewardFileError(f"{source}: encoder.std is not positive; fit the reward anew")
    if not bool((relevance[encoder.kept] > 0.0).all()):
        raise RewardFileError(f"{source}: encoder.relevance of a kept column is not positive; fit the reward anew")
    return replace(encoder, relevance=relevance)


def take(
    source: str, tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return a tensor of a file, after a check of its shape, its dtype and its values."""
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
