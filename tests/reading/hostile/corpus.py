"""The corpus of hostile files: how each is made, and what its refusal says.

A member of the corpus is a function that writes one file or folder. It gets an empty folder to write to, and the path
of a *mark*, which an attack would make if it succeeded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Make = Callable[[Path, Path], Path]
"""``make(folder, mark)`` writes a hostile file to the folder and returns its path."""

CORPUS: dict[str, Hostile] = {}
"""Every member by its name; the modules ``bad_*`` fill it."""


@dataclass(frozen=True)
class Hostile:
    """One hostile file.

    Attributes:
        make: The function that writes it.
        refusal: A regular expression for the error's message, which names the offending global, link or limit.
        unsafe: Whether it is refused as unsafe; otherwise it is refused as damaged or as too large.
    """

    make: Make
    refusal: str
    unsafe: bool


def add(name: str, make: Make, refusal: str, *, unsafe: bool) -> None:
    """Put a member into the corpus."""
    assert name not in CORPUS, f"two hostile files are named {name!r}"
    CORPUS[name] = Hostile(make, refusal, unsafe)
