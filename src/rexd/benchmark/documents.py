"""Documents that are generated from results: marked sections of Markdown files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rexd.benchmark.scores import Results
from rexd.benchmark.tables import brief, headline, remarks, tables
from rexd.errors import RexdError
from rexd.files import atomic_path

DOCUMENTS = (Path("README.md"), Path("docs") / "benchmark.md")
FIGURES = Path("docs") / "figures"

_SECTION = "<!-- rexd benchmark {suite} {part}: generated, do not edit -->"
_END = "<!-- end -->"


def sections(results: Results) -> dict[str, str]:
    """Return the generated sections by name.

    ``brief`` is the table of the README, ``headline`` shows every method, and ``tables`` holds all tables.
    """
    parts = [*(table.markdown() for table in tables(results)), *remarks(results)]
    return {
        "brief": brief(results).markdown(0),
        "headline": headline(results).markdown(0),
        "tables": "\n\n".join(parts),
    }


def renewed(text: str, suite: str, parts: Mapping[str, str]) -> str:
    """Return a document with the text between its markers replaced.

    A document without markers of the suite is returned as it is.

    Args:
        text: The document.
        suite: Name of the suite.
        parts: The sections, as ``sections`` returns them.

    Raises:
        RexdError: A section has no end marker.
    """
    for part, content in parts.items():
        start = _SECTION.format(suite=suite, part=part)
        before, found, rest = text.partition(start)
        if not found:
            continue
        _, end, after = rest.partition(_END)
        if not end:
            raise RexdError(f"the section {start!r} has no {_END!r}; add it where the section is to end")
        text = f"{before}{start}\n{content}\n{end}{after}"
    return text


def write_documents(results: Results, figure: str, *, root: Path) -> list[Path]:
    """Renew the documents below a folder, and the figure.

    Args:
        results: The results of a suite.
        figure: The figure as SVG.
        root: The folder, the root of a checkout of rexd.

    Returns:
        The files that changed.

    Raises:
        RexdError: No document has a section of the suite.
    """
    suite, parts = results.suite.name, sections(results)
    texts = {path: path.read_text("utf-8") for name in DOCUMENTS if (path := root / name).is_file()}
    if not any(_SECTION.format(suite=suite, part=part) in text for text in texts.values() for part in parts):
        raise RexdError(
            f"neither {' nor '.join(str(root / name) for name in DOCUMENTS)} has a line "
            f"{_SECTION.format(suite=suite, part='headline')!r}; give --write in the folder of a checkout"
        )
    new = {path: renewed(text, suite, parts) for path, text in texts.items()} | {
        root / FIGURES / f"{suite}.svg": figure
    }
    changed = []
    for path, text in new.items():
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        write_text(path, text)
        changed.append(path)
    return changed


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")
