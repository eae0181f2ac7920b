"""Reading reward files: one ``.safetensors`` file of tensors and JSON metadata; loading executes nothing."""

from __future__ import annotations

from pathlib import Path

from rexd.errors import RewardFileError
from rexd.reward.red.red import RED
from rexd.tensors import read_tensors


def load_reward(path: str | Path) -> RED:
    """Read a reward that ``RED.save`` wrote.

    Raises:
        RewardFileError: The file is missing, cut short or of another kind, or a tensor has a wrong shape.
    """
    source = Path(path)
    if not source.is_file():
        raise RewardFileError(f"{source}: no such file; rexd fit writes a reward, a run keeps it as reward.safetensors")
    content, tensors = read_tensors(source, "reward", RewardFileError, "Copy it again, or fit the reward anew")
    return RED.rebuild(str(source), content, tensors)
