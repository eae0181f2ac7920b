"""Check a wheel and an sdist before they are given away: their sizes, their content and their metadata.

    python scripts/check_dist.py dist

`make dist` builds both and runs this. What is wrong is printed, and the exit status is 1 then.
"""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.metadata import Metadata

MOST_BYTES = 1_700_000  # the demonstrations that are shipped have 960,000 of them
STRANGERS = re.compile(r"(^|/)(tests?|results|runs|site|\.\w+|__pycache__|node_modules)(/|$)|\.pyc$")


def faults_of_wheel(path: Path) -> Iterator[str]:
    """Yield what is wrong with a wheel: it holds the package and its metadata, and no tests or results."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = next((name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA")), "")
        text = archive.read(f"{info}/METADATA") if info else b""
    yield from (f"holds {name}" for name in names if name.partition("/")[0] not in ("rexd", info))
    yield from (f"holds {name}" for name in names if STRANGERS.search(name))
    needed = ["rexd/py.typed", "rexd/data/halfcheetah-v5.npz", f"{info}/entry_points.txt", f"{info}/licenses/LICENSE"]
    yield from (f"has no {name}" for name in needed if name not in names)
    yield from faults_of_metadata(text)


def faults_of_sdist(path: Path) -> Iterator[str]:
    """Yield what is wrong with an sdist: it has what a wheel is built from, and no tests or results."""
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        member = archive.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        text = b"" if member is None else member.read()
    yield from (f"holds {name}" for name in names if STRANGERS.search(name) and name != ".gitignore")
    needed = ["pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "src/rexd/__init__.py"]
    yield from (f"has no {name}" for name in needed if name not in names)
    yield from faults_of_metadata(text)


def faults_of_metadata(text: bytes) -> Iterator[str]:
    """Yield what an index would refuse in the metadata, which must have the README as its description."""
    try:
        metadata = Metadata.from_email(text)
    except ExceptionGroup as problems:
        yield from (f"metadata: {problem}" for problem in problems.exceptions)
        return
    if metadata.description_content_type != "text/markdown" or not (metadata.description or "").startswith("# rexd"):
        yield f"metadata: the description is not the README ({metadata.description_content_type})"


def faults(folder: Path) -> Iterator[str]:
    """Yield everything that is wrong with the one wheel and the one sdist in ``folder``."""
    for pattern, faults_of in (("*.whl", faults_of_wheel), ("*.tar.gz", faults_of_sdist)):
        found = sorted(folder.glob(pattern))
        if len(found) != 1:
            yield f"{folder}: has {len(found)} files {pattern}; expected 1. Empty the folder and build again"
            continue
        path = found[0]
        if path.stat().st_size > MOST_BYTES:
            yield f"{path}: has {path.stat().st_size:,} bytes; expected at most {MOST_BYTES:,}"
        yield from (f"{path}: {fault}" for fault in faults_of(path))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    wrong = list(faults(folder))
    print("\n".join(wrong or [f"{path}: {path.stat().st_size:,} bytes, good" for path in sorted(folder.iterdir())]))
    sys.exit(bool(wrong))
