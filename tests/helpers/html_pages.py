"""What can be said of an HTML page: whether it is well-formed, what a browser fetches for it, and how wide it is."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}
FETCHING = {"src", "href", "xlink:href", "srcset", "poster", "data", "action"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Page(HTMLParser):
    """A page that was read: faults of its form, what it fetches, its ids, and its ``<svg>`` elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults, self.fetched, self.ids, self.svgs, self.tags = [], [], [], [], set()
        self.words, self._open, self._id = {}, [], None
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self._see(tag, given)
        if tag not in VOID:
            self._open.append(tag)
            if tag == "figcaption":
                self._id = given.get("id")

    def handle_startendtag(self, tag, attributes):
        self._see(tag, dict(attributes))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> at line {self.getpos()[0]} closes {self._open[-1:]}")
            return
        self._open.pop()
        if tag == "figcaption":
            self._id = None

    def handle_data(self, data):
        if self._id is not None:
            self.words[self._id] = self.words.get(self._id, "") + data

    def _see(self, tag, given):
        self.tags.add(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "svg":
            self.svgs.append(given)
        self.fetched += [value for name, value in given.items() if name in FETCHING and value is not None]
        self.fetched += re.findall(r"url\(([^)]*)\)", given.get("style") or "")
        self.faults += [f"<{tag}> listens to {name}" for name in given if name.startswith("on")]

    @property
    def elsewhere(self) -> list[str]:
        """What is fetched from outside the page: neither a part of it nor data that it holds."""
        return [address for address in self.fetched if not address.startswith(("#", "data:"))]


def browser() -> str | None:
    """Return the path of a browser that runs without a display; None where none is installed."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def console_of(page: Path, profile: Path) -> list[str]:
    """Open a page in a browser, and return the lines of its console."""
    told = _browse(page, profile, "--enable-logging=stderr")
    return [line for line in told.stderr.splitlines() if ":CONSOLE" in line]


def widths_of(page: Path, profile: Path, width: int) -> tuple[int, int]:
    """Return the width that a page is given, and the width that it takes."""
    frame = profile.with_suffix(".html")
    frame.write_text(
        f'<!doctype html><title></title><iframe width="{width}" height="900" style="border:0" '
        f'srcdoc="{html.escape(page.read_text("utf-8"))}" onload="const root = this.contentDocument.documentElement; '
        "document.title = 'widths ' + this.contentWindow.innerWidth + ' ' + root.scrollWidth\"></iframe>",
        "utf-8",
    )
    found = re.search(r"<title>widths (\d+) (\d+)</title>", _browse(frame, profile).stdout)
    assert found, "the browser did not measure the page"
    return int(found[1]), int(found[2])


def _browse(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--user-data-dir={profile}"]
    return subprocess.run(
        [*command, "--window-size=800,900", *options, page.resolve().as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
