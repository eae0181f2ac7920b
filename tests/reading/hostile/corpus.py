"""The hostile files: what each tries, how it is made, and what its refusal names.

A member is a function that writes one file or folder. It gets an empty folder for that, and a place for a *mark*, which
an attack that succeeds would make.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path, Path], Path]
"""``make(folder, mark)`` writes a hostile file in the folder and gives its path."""

CORPUS: dict[str, Hostile] = {}
"""Every member by its name; filled by the modules ``bad_*``."""


@dataclass(frozen=True)
class Hostile:
    """One hostile file.

    Attributes:
        make: Writes it.
        refusal: What the error says, as a regular expression: the offending global, link or limit.
        unsafe: Whether it is refused as unsafe; otherwise as damaged, or as larger than it may be.
    """

    make: Make
    refusal: str
    unsafe: bool


def add(name: str, make: Make, refusal: str, *, unsafe: bool) -> None:
    """Put a member into the corpus."""
    assert name not in CORPUS, f"two hostile files are named {name!r}"
    CORPUS[name] = Hostile(make, refusal, unsafe)
