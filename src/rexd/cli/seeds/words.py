"""From the words of a command with several seeds to the words of the command of one of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rexd.errors import RexdError

MOST_SEEDS = 10_000

_WITH_VALUE = ("--seeds", "--seed", "--jobs", "--out")
_ALONE = ("--json",)
_RAY = "--ray"


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that ``0-4`` or ``0,3,7-9`` stands for, in that order.

    Raises:
        RexdError: The text is neither, or names a seed twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if last < first or last - first >= MOST_SEEDS:
            raise RexdError(f"--seeds {text!r} is not understood; write 0-4 for the seeds 0 to 4, or 0,3,7")
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise RexdError(f"--seeds {text!r} names a seed twice; name each once")
    return seeds


def words_of_seed(words: Sequence[str], seed: int, folder: Path | str) -> list[str]:
    """Return the words after ``rexd`` that train with one seed, in a folder of its own.

    Args:
        words: The words of the command with several seeds, ``train`` first.
        seed: The seed.
        folder: Its run folder.
    """
    kept: list[str] = []
    skip = 0
    for place, word in enumerate(words):
        name, equals, _ = word.partition("=")
        if skip:
            skip -= 1
        elif name in _WITH_VALUE:
            skip = 0 if equals else 1
        elif name == _RAY:
            address = words[place + 1 : place + 2]
            skip = 1 if not equals and address and not address[0].startswith("-") else 0
        elif name not in _ALONE:
            kept.append(word)
    return [*kept, "--seed", str(seed), "--out", str(folder)]
