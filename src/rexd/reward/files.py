"""Reading reward files: one ``.safetensors`` file of tensors and JSON metadata; loading executes nothing."""

from __future__ import annotations

from pathlib import Path

from rexd.errors import RewardFileError
from rexd.reward.choices import ESTIMATORS
from rexd.reward.estimator.estimator import Estimator
from rexd.reward.registry import DEFAULT, estimator_class
from rexd.tensors import read_tensors


def load_reward(path: str | Path) -> Estimator:
    """Read a reward that ``save`` of a reward model wrote, of whatever type it is.

    Raises:
        RewardFileError: The file is missing, cut short or of another kind, or a tensor has a wrong shape.
    """
    source = Path(path)
    if not source.is_file():
        raise RewardFileError(f"{source}: no such file; rexd fit writes a reward, a run keeps it as reward.safetensors")
    content, tensors = read_tensors(source, "reward", RewardFileError, "Copy it again, or fit the reward anew")
    config = content.get("config")
    kind = config.get("type", DEFAULT) if isinstance(config, dict) else DEFAULT
    if kind not in ESTIMATORS:
        raise RewardFileError(
            f"{source}: a reward of type {kind!r}; this rexd reads {', '.join(ESTIMATORS)}. Fit the reward anew"
        )
    return estimator_class(kind).rebuild(str(source), content, tensors)
