"""The documentation site: built strictly, it is whole, and its pages ask no other server for anything."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import rexd

ROOT = Path(__file__).parents[2]
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}


class Fetches(HTMLParser):
    """Collects what a browser fetches for a page, without being asked to follow a link."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        url = dict(attributes).get(FETCHED.get(tag, ""))
        if url is not None and dict(attributes).get("rel") not in ("canonical", "next", "prev"):
            self.found.append(url)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow  # make docs builds the site as well
def test_pages_fetch_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    fetched = {url for page in pages for url in Fetches(page.read_text(encoding="utf-8")).found}
    assert fetched
    assert not [url for url in fetched if re.match(r"(https?:)?//", url)]
    styles = "".join(style.read_text(encoding="utf-8") for style in site.rglob("*.css"))
    assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", styles)


@pytest.mark.slow
def test_docstrings_and_the_changelog_are_on_their_pages(site):
    reference = (site / "reference/rexd.html").read_text(encoding="utf-8")
    assert [name for name in rexd.__all__ if f'id="rexd.{name}"' not in reference] == []
    assert "cloning_weight" in reference
    assert "Keep a Changelog" in (site / "changelog.html").read_text(encoding="utf-8")
