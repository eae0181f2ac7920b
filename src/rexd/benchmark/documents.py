"""Documents that are generated from results: marked sections of Markdown files, and one HTML page."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path

from rexd.benchmark.scores import Results
from rexd.benchmark.tables import Table, headline, remarks, tables
from rexd.errors import RexdError
from rexd.files import atomic_path

DOCUMENTS = (Path("README.md"), Path("docs") / "benchmark.md")
FIGURES = Path("docs") / "figures"

_SECTION = "<!-- rexd benchmark {suite} {part}: generated, do not edit -->"
_END = "<!-- end -->"


def sections(results: Results) -> dict[str, str]:
    """Return the generated sections by name: ``headline`` is the table of the README, ``tables`` holds all tables."""
    parts = [*(table.markdown() for table in tables(results)), *remarks(results)]
    return {"headline": headline(results).markdown(0), "tables": "\n\n".join(parts)}


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


def page(results: Results, figure: str) -> str:
    """Return one HTML page with all tables and the figure, which needs no other file."""
    suite = results.suite
    image = re.sub(r"^.*?(?=<svg)", "", figure, flags=re.DOTALL)  # without the XML prolog
    body = [
        f"<h1>rexd benchmark {html.escape(suite.name)}</h1>",
        f"<p>{html.escape(suite.about.strip())}</p>",
        f"<figure>{image}</figure>",
        _table(headline(results)),
        *(
            f"<h2>{html.escape(table.title)}</h2><p>{html.escape(table.about)}</p>{_table(table)}"
            for table in tables(results)
        ),
        *(f"<p>{html.escape(sentence)}</p>" for sentence in remarks(results)),
    ]
    return _PAGE.format(title=html.escape(f"rexd benchmark {suite.name}"), body="\n".join(body))


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.headings)
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows)
    return f"<table><tr>{head}</tr>\n{rows}</table>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #ddd; }}
figure {{ margin: 1rem 0; }} svg {{ max-width: 100%; height: auto; }}
</style></head><body>
{body}
</body></html>
"""
