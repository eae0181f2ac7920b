"""Figures as pictures with words: drawn once with matplotlib, shown inline on a page or written to a file.

A figure is as wide as a phone: on a page its letters have the size of the text around it there, and grow with the room.
On a page its colours are those of the page (``page.html.jinja``), in the light and in the dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rexd.errors import RexdError, import_extra
from rexd.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.0  # inches; 360 pixels at 72 to the inch, so that 10 points are about 10 pixels of a phone
TEXT, FAINT, LINE = "#1f2328", "#59636e", "#d1d9e0"
EXPERT, AGENT, CLONE, OTHER, FALL = "#0b57d0", "#c2570c", "#188038", "#8430ce", "#c5221f"
_VARIABLES = {
    TEXT: "text", FAINT: "faint", LINE: "line",
    EXPERT: "expert", AGENT: "agent", CLONE: "clone", OTHER: "other", FALL: "fall",
}  # fmt: skip
SUFFIXES = (".svg", ".png", ".pdf")
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "rexd",
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a column may be named $x$
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 10.0,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": TEXT,
    "axes.titlecolor": TEXT,
    "text.color": TEXT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "path.simplify": True,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, its title, and what it shows in words.

    Attributes:
        title: A line that stands over it.
        words: What it shows, with numbers, for those who do not see it; it stands under it.
        figure: The figure.
    """

    title: str
    words: str
    figure: Figure

    def inline(self, key: str) -> str:
        """Return the figure as an ``<svg>`` for a page.

        Args:
            key: What the names of its parts begin with, so that they are unique on the page; the words stand in an
                element with the id ``{key}-words``.
        """
        stream = io.StringIO()
        with import_extra("matplotlib", "report").rc_context(_STYLE):
            self.figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
        text = re.sub(r"^.*?(?=<svg)", "", stream.getvalue(), flags=re.DOTALL)  # without the XML prolog
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)  # it would hold for the page
        text = re.sub(r'(?<= id=")', f"{key}-", text)
        text = re.sub(r'(?<=url\(#)|(?<=href="#)', f"{key}-", text)
        text = re.sub(r"#[0-9a-f]{6}", lambda colour: _variable(colour[0]), text)
        text = re.sub(r' width="[^"]*pt"| height="[^"]*pt"', "", text, count=2)  # the page decides
        text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
        return text.replace("<svg", f'<svg role="img" aria-labelledby="{key}-words"', 1)

    def save(self, path: str | Path) -> Path:
        """Write the figure to a file, atomically; its suffix, one of ``SUFFIXES``, tells the kind."""
        target = Path(path)
        kind = target.suffix.lower()[1:]
        metadata: dict[str, Any] = {}
        if kind == "svg":
            metadata = {"Date": None, "Title": self.title, "Description": self.words}
        elif kind == "pdf":
            metadata = {"CreationDate": None, "Title": self.title, "Subject": self.words}
        with import_extra("matplotlib", "report").rc_context(_STYLE), atomic_path(target) as temporary:
            self.figure.savefig(temporary, format=kind, dpi=144, metadata=metadata, facecolor="white")
        return target


def check_picture(path: Path) -> None:
    """Check before the work that a picture can be drawn and written.

    Raises:
        RexdError: The name ends in something else than ``SUFFIXES``.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RexdError(
            f"{path}: its name does not tell the kind of picture; expected a name that ends in {', '.join(SUFFIXES)}"
        )
    import_extra("matplotlib", "report")


def draw(title: str, words: str, height: float, paint: Callable[[Figure], None]) -> Picture:
    """Draw a picture.

    Args:
        title: The line over it.
        words: What it shows.
        height: Its height in inches.
        paint: Adds axes and all that they show to the empty figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = import_extra("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=72, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure)
    return Picture(title, words, figure)


def logarithmic(panel: Axes, low: float, high: float) -> None:
    """Give a panel a logarithmic x axis, whose numbers are plain text."""
    from matplotlib.ticker import NullFormatter

    panel.set_xscale("log")
    panel.set_xlim(low, high)
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())


def _variable(colour: str) -> str:
    name = _VARIABLES.get(colour)
    return colour if name is None else f"var(--{name})"
