"""The report as one HTML page, which needs no other file and asks no server for anything.

The same material gives the same page, byte for byte, with one version of matplotlib. jinja2 and matplotlib, which the
extra ``report`` installs, are imported when the page is made.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from rexd import __version__
from rexd.errors import import_extra
from rexd.files import atomic_path
from rexd.report.material import Material
from rexd.report.sections import sections_of
from rexd.shown import plain

_TEMPLATE = "page.html.jinja"


def check_page() -> None:
    """Check before the work that a page can be made.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    import_extra("jinja2", "report")
    import_extra("matplotlib", "report")


def page_of(material: Material, path: Path) -> str:
    """Return the page.

    Args:
        material: What it shows.
        path: The file that it will be written to, which links to large videos are relative to.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    check_page()
    jinja2 = import_extra("jinja2", "report")
    text = files("rexd.report").joinpath(_TEMPLATE).read_text("utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["plain"] = plain
    sections = [(anchor(section.title), section) for section in sections_of(material, path)]
    return str(
        environment.from_string(text).render(
            title=material.title, notes=material.notes, sections=sections, version=__version__
        )
    )


def write_page(material: Material, path: Path) -> Path:
    """Write the page to a file, atomically."""
    text = page_of(material, path)
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")
    return path


def anchor(title: str) -> str:
    """Return the name by which links find a section: its title in small letters, with dashes."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
